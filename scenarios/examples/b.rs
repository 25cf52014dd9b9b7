fn main() {
    busyhour_scenarios::bench::wire::run(|m| println!("{m}"));
    #[cfg(feature = "against-turmoil")]
    busyhour_scenarios::bench::wire::run_against_turmoil(|m| println!("{m}"));
}
