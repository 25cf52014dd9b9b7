//! A feature file as Cucumber's messages have it: its text, and the tree of what stands in it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use gherkin::{Background, Examples, Feature, GherkinEnv, Scenario, Span, Step, Table};
use serde_json::{Value, json};

use super::Ids;
use crate::phrase;
use crate::play;

/// A feature file as it was read, and the nodes that were made of it so far.
///
/// A page shows one run of each node, so each run has nodes of its own: with several seeds a scenario stands in the tree
/// once for each of them, by the names of which they're told apart. What wasn't run has no node.
#[derive(Debug)]
pub(super) struct Document {
    file: Arc<str>,
    text: String,
    language: String,
    feature: Feature,
    /// The tree but for its scenarios.
    tree: Tree,
    /// The nodes of the scenarios, in the order in which they ran.
    made: Vec<Made>,
    /// Their places, by the scenario's line and the name of the run.
    places: BTreeMap<(usize, String), usize>,
}

/// What doesn't differ from run to run.
#[derive(Debug, Default)]
struct Tree {
    feature_tags: Vec<Value>,
    rule_tags: Vec<Vec<Value>>,
    background: Option<Value>,
    rule_backgrounds: Vec<Option<Value>>,
    rule_ids: Vec<String>,
    steps: BTreeMap<usize, String>,
    tags: BTreeMap<String, String>,
}

/// The nodes of one scenario for one run of it.
#[derive(Debug)]
struct Made {
    line: usize,
    node: Value,
    id: String,
    steps: BTreeMap<usize, String>,
    rows: BTreeMap<usize, String>,
    tags: BTreeMap<String, String>,
}

/// What a pickle refers to.
pub(super) struct Nodes<'a> {
    document: &'a Document,
    made: &'a Made,
    row: Option<&'a str>,
}

impl Nodes<'_> {
    /// Of the scenario, and its row.
    pub(super) fn scenario(&self) -> Vec<&str> {
        std::iter::once(self.made.id.as_str()).chain(self.row).collect()
    }

    /// Of the step in a line. What was written elsewhere stands for the step before it: its lines aren't in this file.
    pub(super) fn step(&self, line: usize, background: bool) -> Vec<&str> {
        let steps = if background { &self.document.tree.steps } else { &self.made.steps };
        let step = steps.range(..=line).next_back().or_else(|| steps.iter().next());
        step.map(|(_, id)| id.as_str()).into_iter().chain(self.row.filter(|_| !background)).collect()
    }

    /// The tags of those names.
    pub(super) fn tags(&self, names: &[String]) -> Vec<Value> {
        let tag = |name: &String| {
            let id = self.made.tags.get(name).or_else(|| self.document.tree.tags.get(name))?;
            Some(json!({ "name": format!("@{name}"), "astNodeId": id }))
        };
        names.iter().filter_map(tag).collect()
    }
}

impl Document {
    /// Reads a file that was found in order before.
    pub(super) fn read(file: &Arc<str>, ids: &mut Ids) -> Result<Document, String> {
        let text = fs::read_to_string(&**file).map_err(|error| error.to_string())?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Document::of(file, text, ids)
    }

    fn of(file: &Arc<str>, text: String, ids: &mut Ids) -> Result<Document, String> {
        // The reader wants a line's end at the end, and may panic where it's proved wrong.
        let closed = format!("{}\n", text.trim_end_matches('\n'));
        let parsed =
            play::quietly(|| Feature::parse(&closed, GherkinEnv::default()).map_err(|error| error.to_string()));
        let feature = parsed.map_err(|failure| failure.to_string()).and_then(|parsed| parsed)?;
        let language = language_of(&closed);
        let mut builder = Builder::over(&closed, ids);
        let feature_tags = builder.tags_above(builder.line(feature.span), &feature.tags);
        let background = feature.background.as_ref().map(|background| builder.background(background));
        let mut tree = Tree { feature_tags, background, ..Tree::default() };
        for rule in &feature.rules {
            tree.rule_tags.push(builder.tags_above(builder.line(rule.span), &rule.tags));
            tree.rule_backgrounds.push(rule.background.as_ref().map(|background| builder.background(background)));
            tree.rule_ids.push(builder.ids.next());
        }
        (tree.steps, tree.tags) = (builder.steps, builder.tags);
        Ok(Document {
            file: Arc::clone(file),
            text: closed,
            language,
            feature,
            tree,
            made: Vec::new(),
            places: BTreeMap::new(),
        })
    }

    /// The message that holds its text.
    pub(super) fn source(&self) -> Value {
        json!({ "uri": &*self.file, "data": self.text, "mediaType": "text/x.cucumber.gherkin+plain" })
    }

    /// The language that it's written in.
    pub(super) fn language(&self) -> &str {
        &self.language
    }

    fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        self.feature.scenarios.iter().chain(self.feature.rules.iter().flat_map(|rule| &rule.scenarios))
    }

    /// The nodes of the scenario that begins on that line, or of which that line is a row, for the run of that name.
    pub(super) fn nodes(&mut self, line: usize, run: &str, ids: &mut Ids) -> Option<Nodes<'_>> {
        // A row stands below its scenario, and above the next.
        let begins = |scenario: &Scenario| line_of(&self.text, scenario.span);
        let at = self.scenarios().map(begins).filter(|begins| *begins <= line).max()?;
        let key = (at, run.to_owned());
        if !self.places.contains_key(&key) {
            let scenario = self.scenarios().find(|scenario| begins(scenario) == at)?;
            let mut builder = Builder::over(&self.text, ids);
            let (id, node) = builder.scenario(scenario, run);
            let Builder { steps, rows, tags, .. } = builder;
            self.made.push(Made { line: at, node, id, steps, rows, tags });
            self.places.insert(key.clone(), self.made.len() - 1);
        }
        let made = &self.made[self.places[&key]];
        Some(Nodes { document: self, made, row: made.rows.get(&line).map(String::as_str) })
    }

    /// The message that holds the tree of all nodes that were made.
    pub(super) fn ast(&self) -> Value {
        let beginning = |span: Span| line_of(&self.text, span);
        let of = |scenarios: &[Scenario]| -> Vec<Value> {
            let lines = scenarios.iter().map(|scenario| beginning(scenario.span));
            let made = lines.flat_map(|line| self.made.iter().filter(move |made| made.line == line));
            made.map(|made| json!({ "scenario": made.node })).collect()
        };
        let background =
            |background: &Option<Value>| background.iter().map(|node| json!({ "background": node })).collect();
        let mut children: Vec<Value> = background(&self.tree.background);
        children.extend(of(&self.feature.scenarios));
        for (index, rule) in self.feature.rules.iter().enumerate() {
            let ruled = of(&rule.scenarios);
            if ruled.is_empty() {
                continue;
            }
            let mut of_rule: Vec<Value> = background(&self.tree.rule_backgrounds[index]);
            of_rule.extend(ruled);
            children.push(json!({ "rule": {
                "id": self.tree.rule_ids[index],
                "location": location(&self.text, beginning(rule.span)),
                "tags": self.tree.rule_tags[index],
                "keyword": rule.keyword.trim(),
                "name": rule.name,
                "description": rule.description.clone().unwrap_or_default(),
                "children": of_rule,
            }}));
        }
        // Comments are of no use to those who look at what ran.
        json!({ "uri": &*self.file, "comments": [], "feature": {
            "location": location(&self.text, beginning(self.feature.span)),
            "tags": self.tree.feature_tags,
            "language": self.language,
            "keyword": self.feature.keyword.trim(),
            "name": self.feature.name,
            "description": self.feature.description.clone().unwrap_or_default(),
            "children": children,
        }})
    }
}

/// The line on which something begins. The reader's own positions are not used: it loses count behind tables.
fn line_of(text: &str, span: Span) -> usize {
    text[..span.start.min(text.len())].matches('\n').count() + 1
}

fn location(text: &str, line: usize) -> Value {
    let text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    json!({ "line": line, "column": text.chars().take_while(|sign| sign.is_whitespace()).count() + 1 })
}

fn language_of(text: &str) -> String {
    let comments = text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with('#'));
    let named = comments.filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("language:"));
    named.map(|name| name.trim().to_owned()).next().unwrap_or_else(|| "en".to_owned())
}

struct Builder<'a> {
    lines: Vec<&'a str>,
    text: &'a str,
    ids: &'a mut Ids,
    steps: BTreeMap<usize, String>,
    rows: BTreeMap<usize, String>,
    tags: BTreeMap<String, String>,
}

impl<'a> Builder<'a> {
    fn over(text: &'a str, ids: &'a mut Ids) -> Builder<'a> {
        let lines = text.lines().collect();
        Builder { lines, text, ids, steps: BTreeMap::new(), rows: BTreeMap::new(), tags: BTreeMap::new() }
    }

    fn line(&self, span: Span) -> usize {
        line_of(self.text, span)
    }

    fn location(&self, line: usize) -> Value {
        location(self.text, line)
    }

    /// The tags that stand above a line.
    fn tags_above(&mut self, line: usize, names: &[String]) -> Vec<Value> {
        let mut places: Vec<(&str, usize, usize)> = Vec::new();
        for above in (1..line).rev() {
            let text = self.lines[above - 1];
            let trimmed = text.trim();
            if trimmed.starts_with('@') {
                let on_line =
                    text.split_whitespace().filter_map(|word| word.strip_prefix('@').map(|name| (word, name)));
                places.extend(on_line.map(|(word, name)| {
                    let offset = word.as_ptr() as usize - text.as_ptr() as usize;
                    (name, above, text[..offset].chars().count() + 1)
                }));
            } else if !trimmed.is_empty() && !trimmed.starts_with('#') {
                break;
            }
        }
        let mut tags = Vec::new();
        for name in names {
            let place = places.iter().find(|(tag, ..)| tag == name);
            let (line, column) = place.map_or((line, 1), |(_, line, column)| (*line, *column));
            let id = self.ids.next();
            self.tags.entry(name.clone()).or_insert_with(|| id.clone());
            tags.push(json!({ "location": { "line": line, "column": column }, "name": format!("@{name}"), "id": id }));
        }
        tags
    }

    fn background(&mut self, background: &Background) -> Value {
        let line = self.line(background.span);
        let steps: Vec<Value> = background.steps.iter().map(|step| self.step(step)).collect();
        json!({
            "id": self.ids.next(),
            "location": self.location(line),
            "keyword": background.keyword.trim(),
            "name": background.name,
            "description": background.description.clone().unwrap_or_default(),
            "steps": steps,
        })
    }

    fn scenario(&mut self, scenario: &Scenario, run: &str) -> (String, Value) {
        let line = self.line(scenario.span);
        let id = self.ids.next();
        let tags = self.tags_above(line, &scenario.tags);
        let steps: Vec<Value> = scenario.steps.iter().map(|step| self.step(step)).collect();
        let examples: Vec<Value> = scenario.examples.iter().map(|examples| self.examples(examples)).collect();
        let node = json!({
            "id": id,
            "location": self.location(line),
            "tags": tags,
            "keyword": scenario.keyword.trim(),
            "name": super::named(&scenario.name, run),
            "description": scenario.description.clone().unwrap_or_default(),
            "steps": steps,
            "examples": examples,
        });
        (id, node)
    }

    fn examples(&mut self, examples: &Examples) -> Value {
        let line = self.line(examples.span);
        let tags = self.tags_above(line, &examples.tags);
        let rows = examples.table.as_ref().map(|table| self.rows(table, line)).unwrap_or_default();
        let mut rows = rows.into_iter();
        let heading = rows.next().map(|(_, row)| row);
        let mut body = Vec::new();
        for (line, row) in rows {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            self.rows.insert(line, id);
            body.push(row);
        }
        let mut message = json!({
            "id": self.ids.next(),
            "location": self.location(line),
            "tags": tags,
            "keyword": examples.keyword.trim(),
            "name": examples.name.clone().unwrap_or_default(),
            "description": examples.description.clone().unwrap_or_default(),
            "tableBody": body,
        });
        if let Some(heading) = heading {
            message["tableHeader"] = heading;
        }
        message
    }

    /// The rows of the table below a line, each with its own line.
    fn rows(&mut self, table: &Table, line: usize) -> Vec<(usize, Value)> {
        let below = self.lines.iter().enumerate().skip(line);
        let lines: Vec<usize> = below
            .filter(|(_, text)| text.trim_start().starts_with('|'))
            .map(|(at, _)| at + 1)
            .take(table.rows.len())
            .collect();
        let rows = table.rows.iter().enumerate();
        rows.map(|(index, cells)| {
            let line = lines.get(index).copied().unwrap_or(line);
            let location = self.location(line);
            let cells: Vec<Value> = cells.iter().map(|cell| json!({ "location": location, "value": cell })).collect();
            (line, json!({ "id": self.ids.next(), "location": location, "cells": cells }))
        })
        .collect()
    }

    fn step(&mut self, step: &Step) -> Value {
        let line = self.line(step.span);
        let id = self.ids.next();
        self.steps.insert(line, id.clone());
        let mut message = json!({
            "id": id,
            "location": self.location(line),
            "keyword": format!("{} ", step.keyword.trim()),
            "text": step.value,
        });
        if let Some(table) = &step.table {
            let rows = self.rows(table, line);
            let location = rows.first().map_or_else(|| self.location(line), |(_, row)| row["location"].clone());
            let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
            message["dataTable"] = json!({ "location": location, "rows": rows });
        }
        if let Some(text) = &step.docstring {
            let fence = self.lines.iter().enumerate().skip(line).map(|(at, text)| (at + 1, text.trim_start()));
            let fence = fence.map(|(at, text)| (at, text.get(..3).unwrap_or_default()));
            let found = fence.into_iter().find(|(_, fence)| ["\"\"\"", "```"].contains(fence));
            let (at, delimiter) = found.unwrap_or((line, "\"\"\""));
            let delimiter = delimiter.to_owned();
            message["docString"] =
                json!({ "location": self.location(at), "content": phrase::text_below(text), "delimiter": delimiter });
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURE: &str = "\
# language: en
@slow
Feature: Calls
  What is said of them.

  Background:
    Given machines
      | name |
      | a    |

  # a comment
  @sip @nightly
  Scenario Outline: One calls
    Given <count> phones
    Then it says
      \"\"\"
      hello
        there
      \"\"\"

    Examples: few
      | count |
      | 1     |
      | 2     |

  Rule: a rule
    Scenario: Nobody calls
      Given nobody
";

    fn document(runs: &[(usize, &str)]) -> (Document, Value) {
        let mut ids = Ids::default();
        let mut document = Document::of(&"f.feature".into(), FEATURE.to_owned(), &mut ids).unwrap();
        for (line, run) in runs {
            document.nodes(*line, run, &mut ids).unwrap();
        }
        let ast = document.ast();
        (document, ast)
    }

    #[test]
    fn every_node_has_the_line_that_it_stands_in() {
        let (mut document, ast) = document(&[(23, ""), (24, ""), (27, "")]);
        let feature = &ast["feature"];
        assert_eq!(feature["tags"][0]["location"], json!({ "line": 2, "column": 1 }));
        assert_eq!(feature["location"]["line"], 3);
        let background = &feature["children"][0]["background"];
        assert_eq!(background["steps"][0]["dataTable"]["rows"][1]["location"]["line"], 9);
        let outline = &feature["children"][1]["scenario"];
        assert_eq!(outline["tags"][1]["name"], "@nightly");
        assert_eq!(outline["tags"][1]["location"], json!({ "line": 12, "column": 8 }));
        assert_eq!(outline["location"], json!({ "line": 13, "column": 3 }));
        assert_eq!(outline["steps"][1]["docString"]["content"], "hello\n  there");
        assert_eq!(outline["steps"][1]["docString"]["location"]["line"], 16);
        let rows = outline["examples"][0]["tableBody"].as_array().unwrap();
        assert_eq!([&rows[0]["location"]["line"], &rows[1]["location"]["line"]], [23, 24]);
        let ruled = &feature["children"][2]["rule"]["children"][0]["scenario"];
        let mut ids = Ids(1_000);
        let nodes = document.nodes(24, "", &mut ids).unwrap();
        assert_eq!(json!(nodes.scenario()), json!([outline["id"], rows[1]["id"]]));
        assert_eq!(json!(nodes.step(14, false)), json!([outline["steps"][0]["id"], rows[1]["id"]]));
        assert_eq!(json!(nodes.step(7, true)), json!([background["steps"][0]["id"]]));
        let nodes = document.nodes(27, "", &mut ids).unwrap();
        assert_eq!(json!(nodes.scenario()), json!([ruled["id"]]));
        assert_eq!(json!(nodes.step(28, false)), json!([ruled["steps"][0]["id"]]));
        assert_eq!(ids.next(), "1001", "nothing was made anew");
    }

    #[test]
    fn each_run_has_nodes_of_its_own_and_what_was_not_run_has_none() {
        let (_, ast) = document(&[(23, "seed 1"), (23, "seed 0"), (24, "seed 0")]);
        let children = ast["feature"]["children"].as_array().unwrap();
        let names: Vec<&Value> = children[1..].iter().map(|child| &child["scenario"]["name"]).collect();
        assert_eq!(names, ["One calls (seed 1)", "One calls (seed 0)"]);
        let step = |child: usize| &children[child]["scenario"]["steps"][0]["id"];
        assert_ne!(step(1), step(2));
    }

    #[test]
    fn tags_are_named_with_their_sign() {
        let (mut document, ast) = document(&[(23, "")]);
        let nodes = document.nodes(23, "", &mut Ids::default()).unwrap();
        let tags = nodes.tags(&["slow".to_owned(), "sip".to_owned(), "unknown".to_owned()]);
        let feature = &ast["feature"];
        let sip = &feature["children"][1]["scenario"]["tags"][0]["id"];
        let slow = &feature["tags"][0]["id"];
        let wanted = [json!({ "name": "@slow", "astNodeId": slow }), json!({ "name": "@sip", "astNodeId": sip })];
        assert_eq!(tags, wanted);
    }

    #[test]
    fn a_language_is_named_above_the_feature() {
        assert_eq!(language_of("\n# x\n# language: de\nFunktion: f\n"), "de");
        assert_eq!(language_of("Feature: f\n# language: de\n"), "en");
    }
}
