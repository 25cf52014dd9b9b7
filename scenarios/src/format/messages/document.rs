//! A feature file as Cucumber's messages have it: its text, and the tree of what stands in it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use gherkin::{Background, Examples, Feature, GherkinEnv, Rule, Scenario, Span, Step, Table};
use serde_json::{Value, json};

use super::Ids;
use crate::phrase;
use crate::play;

/// A feature file, and the numbers of its nodes by their lines.
#[derive(Debug)]
pub(super) struct Document {
    file: Arc<str>,
    text: String,
    ast: Value,
    language: String,
    steps: BTreeMap<usize, String>,
    /// Scenarios and rows, each with the nodes that a pickle of it is made of.
    scenarios: BTreeMap<usize, Vec<String>>,
    tags: BTreeMap<String, String>,
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
        let mut builder = Builder {
            lines: closed.lines().collect(),
            text: &closed,
            ids,
            steps: BTreeMap::new(),
            scenarios: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        let mut ast = builder.feature(&feature);
        ast["language"] = json!(language);
        // Comments are of no use to those who look at what ran.
        let ast = json!({ "uri": &**file, "feature": ast, "comments": [] });
        let Builder { steps, scenarios, tags, .. } = builder;
        Ok(Document { file: Arc::clone(file), text, ast, language, steps, scenarios, tags })
    }

    /// The message that holds its text.
    pub(super) fn source(&self) -> Value {
        json!({ "uri": &*self.file, "data": self.text, "mediaType": "text/x.cucumber.gherkin+plain" })
    }

    /// The message that holds its tree; it is asked for once.
    pub(super) fn ast(&mut self) -> Value {
        self.ast.take()
    }

    /// The language that it's written in.
    pub(super) fn language(&self) -> &str {
        &self.language
    }

    /// The step of a line. What stands for a step that was written elsewhere is the step before it: its lines aren't in
    /// this file.
    pub(super) fn step(&self, line: usize) -> Option<&str> {
        self.steps.range(..=line).next_back().map(|(_, id)| id.as_str())
    }

    /// The row of a line.
    pub(super) fn row(&self, line: usize) -> Option<&str> {
        self.scenarios.get(&line).filter(|nodes| nodes.len() > 1).and_then(|nodes| nodes.last()).map(String::as_str)
    }

    /// The nodes that the scenario or the row of a line is made of.
    pub(super) fn scenario(&self, line: usize) -> Vec<String> {
        self.scenarios.get(&line).cloned().unwrap_or_default()
    }

    /// The tags of those names.
    pub(super) fn tags(&self, names: &[String]) -> Vec<Value> {
        let tag = |name: &String| Some(json!({ "name": format!("@{name}"), "astNodeId": self.tags.get(name)? }));
        names.iter().filter_map(tag).collect()
    }
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
    scenarios: BTreeMap<usize, Vec<String>>,
    tags: BTreeMap<String, String>,
}

impl Builder<'_> {
    /// The line on which something begins. The reader's own positions are not used: it loses count behind tables.
    fn line(&self, span: Span) -> usize {
        let before = &self.text[..span.start.min(self.text.len())];
        before.matches('\n').count() + 1
    }

    fn location(&self, line: usize) -> Value {
        let text = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        json!({ "line": line, "column": text.chars().take_while(|sign| sign.is_whitespace()).count() + 1 })
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

    fn feature(&mut self, feature: &Feature) -> Value {
        let line = self.line(feature.span);
        let tags = self.tags_above(line, &feature.tags);
        let mut children: Vec<Value> = Vec::new();
        children.extend(feature.background.as_ref().map(|background| self.background(background)));
        children.extend(feature.scenarios.iter().map(|scenario| self.scenario(scenario)));
        children.extend(feature.rules.iter().map(|rule| self.rule(rule)));
        json!({
            "location": self.location(line),
            "tags": tags,
            "keyword": feature.keyword.trim(),
            "name": feature.name,
            "description": feature.description.clone().unwrap_or_default(),
            "children": children,
        })
    }

    fn rule(&mut self, rule: &Rule) -> Value {
        let line = self.line(rule.span);
        let tags = self.tags_above(line, &rule.tags);
        let mut children: Vec<Value> = Vec::new();
        children.extend(rule.background.as_ref().map(|background| self.background(background)));
        children.extend(rule.scenarios.iter().map(|scenario| self.scenario(scenario)));
        json!({ "rule": {
            "id": self.ids.next(),
            "location": self.location(line),
            "tags": tags,
            "keyword": rule.keyword.trim(),
            "name": rule.name,
            "description": rule.description.clone().unwrap_or_default(),
            "children": children,
        }})
    }

    fn background(&mut self, background: &Background) -> Value {
        let line = self.line(background.span);
        let steps: Vec<Value> = background.steps.iter().map(|step| self.step(step)).collect();
        json!({ "background": {
            "id": self.ids.next(),
            "location": self.location(line),
            "keyword": background.keyword.trim(),
            "name": background.name,
            "description": background.description.clone().unwrap_or_default(),
            "steps": steps,
        }})
    }

    fn scenario(&mut self, scenario: &Scenario) -> Value {
        let line = self.line(scenario.span);
        let id = self.ids.next();
        self.scenarios.insert(line, vec![id.clone()]);
        let tags = self.tags_above(line, &scenario.tags);
        let steps: Vec<Value> = scenario.steps.iter().map(|step| self.step(step)).collect();
        let examples: Vec<Value> = scenario.examples.iter().map(|examples| self.examples(examples, &id)).collect();
        json!({ "scenario": {
            "id": id,
            "location": self.location(line),
            "tags": tags,
            "keyword": scenario.keyword.trim(),
            "name": scenario.name,
            "description": scenario.description.clone().unwrap_or_default(),
            "steps": steps,
            "examples": examples,
        }})
    }

    fn examples(&mut self, examples: &Examples, scenario: &str) -> Value {
        let line = self.line(examples.span);
        let tags = self.tags_above(line, &examples.tags);
        let rows = examples.table.as_ref().map(|table| self.rows(table, line)).unwrap_or_default();
        let mut rows = rows.into_iter();
        let heading = rows.next().map(|(_, row)| row);
        let mut body = Vec::new();
        for (line, row) in rows {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            self.scenarios.insert(line, vec![scenario.to_owned(), id]);
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

    fn document() -> (Document, Value) {
        let mut document = Document::of(&"f.feature".into(), FEATURE.to_owned(), &mut Ids::default()).unwrap();
        let ast = document.ast();
        (document, ast)
    }

    #[test]
    fn every_node_has_the_line_that_it_stands_in() {
        let (document, ast) = document();
        let feature = &ast["feature"];
        assert_eq!(feature["tags"][0]["location"], json!({ "line": 2, "column": 1 }));
        assert_eq!(feature["location"]["line"], 3);
        let background = &feature["children"][0]["background"];
        assert_eq!(background["steps"][0]["dataTable"]["rows"][1]["location"]["line"], 9);
        let outline = &feature["children"][1]["scenario"];
        assert_eq!(
            outline["tags"][1],
            json!({ "id": outline["tags"][1]["id"], "name": "@nightly", "location": { "line": 12, "column": 8 } })
        );
        assert_eq!(outline["location"], json!({ "line": 13, "column": 3 }));
        assert_eq!(outline["steps"][1]["docString"]["content"], "hello\n  there");
        assert_eq!(outline["steps"][1]["docString"]["location"]["line"], 16);
        let rows = outline["examples"][0]["tableBody"].as_array().unwrap();
        assert_eq!([&rows[0]["location"]["line"], &rows[1]["location"]["line"]], [24, 26]);
        assert_eq!(document.scenario(26), [outline["id"].as_str().unwrap(), rows[1]["id"].as_str().unwrap()]);
        assert_eq!(document.row(24), rows[0]["id"].as_str());
        let ruled = &feature["children"][2]["rule"]["children"][0]["scenario"];
        assert_eq!(document.scenario(29), [ruled["id"].as_str().unwrap()]);
        assert_eq!(document.row(29), None);
        assert_eq!(document.step(30), ruled["steps"][0]["id"].as_str());
    }

    #[test]
    fn tags_are_named_with_their_sign() {
        let (document, ast) = document();
        let tags = document.tags(&["slow".to_owned(), "unknown".to_owned()]);
        assert_eq!(tags, [json!({ "name": "@slow", "astNodeId": ast["feature"]["tags"][0]["id"] })]);
    }

    #[test]
    fn a_language_is_named_above_the_feature() {
        assert_eq!(language_of("\n# x\n# language: de\nFunktion: f\n"), "de");
        assert_eq!(language_of("Feature: f\n# language: de\n"), "en");
    }
}
