fn main() { busyhour_scenarios::bench::wire::run(|m| println!("{m}")); }
