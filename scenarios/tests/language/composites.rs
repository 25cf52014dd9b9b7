//! Phrases that are made of others, and feature files in other languages.

use crate::home::Home;

const BOOK: &str = r#"
[[phrase]]
phrase = "{fetcher:machine} visits {host:machine}"
doc = "A page is fetched, and it's there."
steps = [
  'When {fetcher} fetches "/hello" from {host}',
  "And {patience:duration} pass",
]
"#;

/// A book in which all is well.
const SHOP: &str = r#"
[[phrase]]
phrase = "two machines"
steps = ["Given machines a and b"]

[[phrase]]
phrase = "{fetcher:machine} visits {host:machine} and waits {duration}"
doc = "A page is fetched, and then nothing happens for a while."
steps = [
  'When {fetcher} fetches "/hello" from {host}',
  "And {duration} pass",
]

[[phrase]]
phrase = "{machine} goes shopping at {where}"
steps = [
  "When {machine} visits {where} and waits 2 seconds",
  "And 1 second passes",
]

[[phrase]]
phrase = "{machine} was served"
steps = ["Then {machine} got status 200"]
"#;

const SHOPPING: &str = "Feature: Shopping
  Scenario: Somebody goes shopping
    Given two machines
    When a goes shopping at b
    Then a was served
";

#[test]
fn a_phrase_of_several_steps_is_performed_step_by_step() {
    let home = Home::new("composites").with("features/phrases.toml", SHOP).with("features/shop/a.feature", SHOPPING);
    let told = home.told(&["run"]);
    assert!(
        told.contains("  passed        Somebody goes shopping  3."),
        "it takes three seconds and the fetch: {told}"
    );
    assert_eq!(home.told(&["check"]), "exit 0\n--- stdout\n1 scenario in 1 file: no problems\n--- stderr\n");
}

#[test]
fn a_failure_within_a_phrase_names_the_inner_step_and_both_places() {
    let feature = SHOPPING.replace("    When a", "    When b crashes\n    And a");
    let home = Home::new("composites-fail").with("features/phrases.toml", SHOP).with("features/a.feature", &feature);
    let told = home.told(&["run"]);
    let told = told.split("  ended at").next().unwrap().split("  messages").next().unwrap().to_owned();
    insta::assert_snapshot!(told);
}

#[test]
fn a_record_has_the_inner_steps_below_their_step() {
    let home = Home::new("composites-record").with("features/phrases.toml", SHOP).with("features/a.feature", SHOPPING);
    home.told(&["run"]);
    let folder = std::fs::read_dir(home.0.join("target/busyhour/features-a")).unwrap().next().unwrap().unwrap();
    let record = std::fs::read_to_string(folder.path().join("seed-0/record.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let steps = record["steps"].as_array().unwrap().iter().map(|step| {
        let depth = step["depth"].as_u64().unwrap_or(0) as usize;
        let text = |name: &str| step[name].as_str().unwrap().to_owned();
        format!("{}{} {} ({}:{})", "  ".repeat(depth), text("keyword"), text("text"), text("file"), step["line"])
    });
    insta::assert_snapshot!(steps.collect::<Vec<_>>().join("\n"), @r#"
    Given two machines (features/a.feature:3)
      Given machines a and b (features/phrases.toml:4)
    When a goes shopping at b (features/a.feature:4)
      When a visits b and waits 2 seconds (features/phrases.toml:17)
        When a fetches "/hello" from b (features/phrases.toml:10)
        And 2 seconds pass (features/phrases.toml:11)
      And 1 second passes (features/phrases.toml:18)
    Then a was served (features/a.feature:5)
      Then a got status 200 (features/phrases.toml:23)
    "#);
}

#[test]
fn a_nearer_book_overrides_the_one_around_it() {
    let nearer = SHOP.replace(
        "goes shopping at {where}\"\nsteps = [",
        "goes shopping at {where}\"\nsteps = [\n  \"When 1 day passes\",",
    );
    let home = Home::new("composites-nearer")
        .with("features/phrases.toml", SHOP)
        .with("features/shop/phrases.toml", &nearer)
        .with("features/shop/a.feature", SHOPPING)
        .with("features/b.feature", SHOPPING);
    let told = home.told(&["run"]);
    assert!(told.contains("Somebody goes shopping  1 d 0 h") && told.contains("Somebody goes shopping  3."), "{told}");
}

#[test]
fn what_is_wrong_with_a_book_is_told_at_its_place_though_nobody_uses_it() {
    let home = Home::new("composites-wrong")
        .with("features/a.feature", "Feature: f\n  Scenario: s\n    When 1 second passes\n");
    let told = |book: &str| {
        home.save("features/phrases.toml", book);
        home.told(&["check"])
    };
    let books = [
        BOOK,
        "[[phrase]]\nphrase = \"When it {rains:cats}\"\nsteps = []\n",
        "[[phrase]]\nphrase = \"{agent} greets {agent}\"\nsteps = [\"And {agent} calls {bob}\", \"And x\", \"Calls y\", \"When\"]\n",
        "[[phrase]]\nphrase = \"it rains {what}\"\nsteps = [\"When {what} rain from the sky\", \"When wait 5 seconds\"]\n",
        "[[phrase]]\nphrase = \"{agent} dials {duration}\"\nsteps = [\"When {agent} calls {duration}\"]\n",
        "[[phrase]]\nphrase = \"{agent} calls {callee}\"\nsteps = [\"When {agent} calls {callee}\"]\n",
        "[[phrase]]\nphrase = \"a (b\"\nsteps = [\"When 1 second passes\"]\n[[phrase]]\nphrase = \"x\"\nsteps = [\"When 1 second passes\"]\n[[phrase]]\nphrase = \"x\"\nsteps = [\"When 1 second passes\"]\n",
        "[[phrase]]\nphrases = \"x\"\nsteps = [\"When 1 second passes\"]\n",
        "[[phrase]\nphrase = \"x\"\n",
    ];
    insta::assert_snapshot!(books.map(told).join("\n"));
}

/// A machine may be called a, and nobody's phone is.
#[test]
fn a_phrase_is_tried_with_names_that_fit_wherever_such_a_gap_may_stand() {
    let book = "[[phrase]]\nphrase = \"{party} is rung\"\nsteps = [\"Then {party}'s phone rings\"]\n";
    let home = Home::new("composites-party")
        .with("features/phrases.toml", book)
        .with("features/a.feature", "Feature: f\n  Scenario: s\n    When 1 second passes\n");
    assert_eq!(home.told(&["check"]), "exit 0\n--- stdout\n1 scenario in 1 file: no problems\n--- stderr\n");
}

#[test]
fn a_phrase_that_is_made_of_itself_is_an_error_that_names_the_circle() {
    let book = "[[phrase]]\nphrase = \"the egg hatches\"\nsteps = [\"When the hen lays\"]\n\n[[phrase]]\nphrase = \"the hen lays\"\nsteps = [\"When 1 second passes\", \"And the egg hatches\"]\n\n[[phrase]]\nphrase = \"it ends\"\nsteps = [\"When the egg hatches\"]\n";
    let feature = "Feature: f\n  Scenario: s\n    When it ends\n";
    let home = Home::new("composites-circle").with("features/phrases.toml", book).with("features/a.feature", feature);
    insta::assert_snapshot!(home.told(&["run"]));
}

#[test]
fn a_phrase_under_the_wrong_keyword_or_with_wrong_words_is_an_error_in_the_feature_file() {
    let home = Home::new("composites-misused").with("features/phrases.toml", SHOP).with(
        "features/a.feature",
        "Feature: f\n  Scenario: s\n    When two machines\n    And a was served\n    Then a goes shopping at b\n    And a visits the and waits 2 secs\n  Scenario: t\n    Given two machines\n    When a goes shopping at \"the mall\"\n    And a goes shoping at b\n",
    );
    insta::assert_snapshot!(home.told(&["check"]));
}

#[test]
fn a_feature_file_in_german_runs_with_english_phrases() {
    let feature = "# language: de
Funktionalität: Netz
  Grundlage:
    Angenommen machines a and b

  Szenario: Eine Seite wird geholt
    Wenn a fetches \"/hello\" from b
    Dann a got status 200

  Szenariogrundriss: Zeit vergeht
    Wenn <time> pass
    Und a fetches \"/hello\" from b
    Dann a got status 200

    Beispiele:
      | time      |
      | 5 seconds |
      | 2 days    |
";
    let home = Home::new("german").with("features/netz.feature", feature);
    let told = home.told(&["run"]);
    assert!(told.contains("3 scenarios: 3 passed"), "{told}");
    home.save(
        "features/netz.feature",
        feature.replace("    Angenommen m", "    Angenomen m").replace("Dann a got", "Wenn a got"),
    );
    insta::assert_snapshot!(home.told(&["check"]));
}

#[test]
fn a_book_of_german_phrases_makes_german_steps() {
    let book = r#"
[[phrase]]
phrase = "die Agenten {names} mit Tischtelefonen"
steps = ["Given agents {names} with hardphones", "And every agent's phone registers"]

[[phrase]]
phrase = "{agent} ruft {callee} an"
steps = ["When {agent} calls {callee}"]

[[phrase]]
phrase = "klingelt das Telefon von {agent}"
steps = ["Then {agent}'s phone rings within 5 seconds"]
"#;
    let feature = "# language: de
Funktionalität: Anrufe
  Szenario: Anna ruft Bernd an
    Angenommen die Agenten anna und bernd mit Tischtelefonen
    Wenn anna ruft bernd an
    Dann klingelt das Telefon von bernd
";
    // A list of names has an English `and` in it: words between gaps are the phrase's own.
    let book = book.replace("die Agenten {names} mit", "die Agenten {eine:name} und {andere:name} mit");
    let book = book.replace("agents {names} with", "agents {eine} and {andere} with");
    let home = Home::new("german-phrases").with("features/phrases.toml", &book).with("features/a.feature", feature);
    let told = home.told(&["run"]);
    assert!(told.contains("  passed        Anna ruft Bernd an"), "{told}");
    home.save("features/a.feature", feature.replace("Wenn anna", "Wnn anna").replace("klingelt", "klingelte"));
    insta::assert_snapshot!(home.told(&["check"]));
}
