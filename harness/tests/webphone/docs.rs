//! The tables in the documentation are those that the tests print.

use std::fs;
use std::path::Path;

/// What stands in a snapshot's file.
fn snapshot(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.splitn(3, "---\n").nth(2).expect("a head between dashes").trim_end().to_owned()
}

#[test]
fn the_tables_in_the_documentation_are_the_snapshots() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webphones.md")).unwrap();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let tables: Vec<&str> = blocks.iter().filter_map(|block| block.strip_prefix("text\n")).map(str::trim_end).collect();
    let snapshots = [
        "webphone/snapshots/webphone__tab_ends__by_the_gateway.snap",
        "webphone/snapshots/webphone__tab_ends__between_browsers.snap",
        "webphone/snapshots/webphone__traversal__to_the_gateway.snap",
        "webphone/snapshots/webphone__traversal__between_browsers_with_a_relay.snap",
        "webphone/snapshots/webphone__traversal__between_browsers_without_a_relay.snap",
    ];
    for path in snapshots {
        let table = snapshot(path);
        assert!(tables.contains(&table.as_str()), "docs/webphones.md lacks what {path} has:\n{table}");
    }
    assert_eq!(tables.len(), snapshots.len(), "a table that no test prints");
}
