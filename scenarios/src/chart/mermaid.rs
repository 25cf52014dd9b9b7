//! A chart as a Mermaid sequence diagram, as a code host shows it in a comment or a job's summary.

use std::fmt::Write as _;

use super::shape::{Shape, What};
use super::{Arrow, Chart};
use crate::report::{clock_shown, counted};

/// Mermaid draws no text of more than 50,000 signs.
const BYTES_MAX: usize = 45_000;

/// The chart in Mermaid's words.
pub fn mermaid(chart: &Chart) -> String {
    let mut text = String::from("sequenceDiagram\n");
    for (lane, party) in chart.parties.iter().enumerate() {
        line(&mut text, format_args!("participant p{lane} as {}", plain(chart.name(*party))));
    }
    let all: Vec<usize> = (0..chart.parties.len()).collect();
    let shape = Shape::of(chart, 0.0, usize::MAX);
    for (index, row) in shape.rows.iter().enumerate() {
        if text.len() > BYTES_MAX {
            let left_out = counted(shape.rows.len() - index, "row");
            line(&mut text, format_args!("Note over {}: {left_out} more are left out here", over(&all)));
            break;
        }
        let at = clock_shown(row.at);
        match row.what {
            What::Step(step) => {
                let step = &chart.record.steps[step];
                let said = plain(&format!("{} {}", step.keyword, step.text));
                line(&mut text, format_args!("Note over {}: {at} · {said}", over(&all)));
            }
            What::Doing(doing) => {
                let doing = &chart.doings[doing];
                let lanes: Vec<usize> = doing.hosts.iter().filter_map(|host| chart.lane(Some(*host))).collect();
                let lanes = if lanes.is_empty() { &all } else { &lanes };
                let what = plain(&doing.told(chart.record.simulated));
                line(&mut text, format_args!("Note over {}: {at} · ⚡ {what}", over(lanes)));
            }
            What::Arrow(arrow) => said(&mut text, chart, &chart.arrows[arrow]),
            What::Band(band) => {
                let band = &chart.bands[band];
                let (Some(from), Some(to)) = (chart.lane(Some(band.from)), chart.lane(Some(band.to))) else { continue };
                line(&mut text, format_args!("p{from}--)p{to}: {}", plain(&super::svg::audio_shown(band))));
            }
            What::State(state) => {
                let state = &chart.states[state];
                if let Some(lane) = chart.lane(state.host) {
                    let status = plain(&format!("{} is {}", state.agent, state.status));
                    line(&mut text, format_args!("Note over p{lane}: {status}"));
                }
            }
        }
    }
    text
}

fn said(text: &mut String, chart: &Chart, arrow: &Arrow) {
    let mut label = arrow.label.clone();
    for told in arrow.told() {
        label.push_str(&format!(" ({told})"));
    }
    let label = plain(&label);
    let at = clock_shown(arrow.sent);
    match (chart.lane(arrow.from), chart.lane(arrow.to)) {
        (Some(from), Some(to)) => {
            let head = match (arrow.lost().is_some(), arrow.reply_to.is_some()) {
                (true, false) => "-x",
                (true, true) => "--x",
                (false, false) => "->>",
                (false, true) => "-->>",
            };
            line(text, format_args!("p{from}{head}p{to}: {at} {label}"));
        }
        (Some(lane), None) | (None, Some(lane)) => line(text, format_args!("Note over p{lane}: {at} {label}")),
        (None, None) => {}
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "    {arguments}").expect("writing to a string succeeds");
}

fn over(lanes: &[usize]) -> String {
    let (first, last) = (lanes.iter().min(), lanes.iter().max());
    match (first, last) {
        (Some(first), Some(last)) if first != last => format!("p{first},p{last}"),
        (Some(only), _) => format!("p{only}"),
        _ => "p0".to_owned(),
    }
}

/// Text without what Mermaid reads as its own: ends of lines, comments, entities.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for sign in text.chars() {
        match sign {
            ';' => plain.push_str("#59;"),
            '#' => plain.push_str("#35;"),
            '<' => plain.push_str("#lt;"),
            '>' => plain.push_str("#gt;"),
            '%' => plain.push_str("#37;"),
            _ if sign.is_control() => plain.push(' '),
            _ => plain.push(sign),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_would_read_as_its_own_is_written_as_entities() {
        assert_eq!(plain("a;b #1\nsip:x%20 <y>"), "a#59;b #35;1 sip:x#37;20 #lt;y#gt;");
    }
}
