//! A chart as a picture that stands alone: light or dark as its reader has it, and readable without colour.

use std::fmt::Write as _;

use super::shape::{ROW, Row, Shape, What};
use super::{Arrow, Band, Chart, Manner, Protocol};
use crate::report::{clock_shown, counted, time_shown};

/// A longer picture is read by nobody.
const ROWS_MAX: usize = 3_000;
/// The distance of two lanes.
const LANE: f64 = 190.0;
/// The width of a strip of audio.
const STRIP: f64 = 16.0;
/// The clock's column, up to the first lane.
const GUTTER: f64 = 210.0;
/// What stands above the first row.
const HEAD: f64 = 112.0;
const STYLE: &str = include_str!("svg.css");

/// The chart as an SVG document.
pub fn svg(chart: &Chart) -> String {
    let shape = Shape::of(chart, HEAD, ROWS_MAX);
    let mut drawing = Drawing { chart, shape: &shape, out: String::new() };
    drawing.whole();
    drawing.out
}

/// What stands on a band of audio.
pub(super) fn audio_shown(band: &Band) -> String {
    let lasts = band.end.since(band.begin);
    let tenths = lasts.as_millis().div_ceil(100);
    let mut shown = format!("audio {}.{} s, MOS {:.1}", tenths / 10, tenths % 10, band.mos());
    if band.lost > 0 {
        let _ = write!(shown, ", {} of {} packets lost", band.lost, band.lost + band.arrived);
        if let Some(why) = band.why {
            let _ = write!(shown, ": {why}");
        }
    }
    shown
}

struct Drawing<'a> {
    chart: &'a Chart,
    shape: &'a Shape,
    out: String,
}

impl Drawing<'_> {
    fn whole(&mut self) {
        let Drawing { chart, shape, .. } = *self;
        let lanes = chart.parties.len().max(1) as f64;
        let (width, height) = (GUTTER + lanes * LANE + 60.0, shape.height + 10.0);
        let record = &chart.record;
        let title = escaped(&record.scenario);
        self.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">"
        ));
        self.line(format_args!("<title>{title}</title>"));
        self.line(format_args!("<style>{STYLE}</style>"));
        self.out.push_str(DEFINITIONS);
        self.line(format_args!("<rect class=\"page\" width=\"100%\" height=\"100%\"/>"));
        self.line(format_args!("<text class=\"title\" x=\"24\" y=\"36\">{title}</text>"));
        let verdict = match record.verdict {
            busyhour_trace::record::Verdict::Passed => "passed",
            busyhour_trace::record::Verdict::Failed => "failed",
            busyhour_trace::record::Verdict::NotExercised => "not exercised",
        };
        self.line(format_args!(
            "<text class=\"about\" x=\"24\" y=\"58\">{verdict} · seed {} · {} simulated · {}</text>",
            record.seed.run,
            time_shown(std::time::Duration::from_nanos(record.simulated.0)),
            escaped(&record.feature)
        ));
        self.doings();
        self.lanes();
        self.bands();
        self.states();
        for index in 0..shape.rows.len() {
            self.row(&shape.rows[index]);
        }
        if shape.left_out > 0 {
            let left_out = counted(shape.left_out, "row");
            let y = shape.height - 8.0;
            self.line(format_args!("<text class=\"step\" x=\"24\" y=\"{y:.1}\">… {left_out} more are left out</text>"));
        }
        self.out.push_str("</svg>\n");
    }

    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{arguments}").expect("writing to a string succeeds");
    }

    fn x(&self, lane: usize) -> f64 {
        GUTTER + LANE * (lane as f64 + 0.5)
    }

    fn right(&self) -> f64 {
        GUTTER + LANE * self.chart.parties.len().max(1) as f64
    }

    fn lanes(&mut self) {
        let (chart, bottom) = (self.chart, self.shape.height);
        for (lane, party) in chart.parties.iter().enumerate() {
            let x = self.x(lane);
            let name = escaped(chart.name(*party));
            self.line(format_args!("<line class=\"life\" x1=\"{x}\" y1=\"{HEAD}\" x2=\"{x}\" y2=\"{bottom:.1}\"/>"));
            let (left, top) = (x - 70.0, HEAD - 32.0);
            self.line(format_args!(
                "<rect class=\"party\" x=\"{left}\" y=\"{top}\" width=\"140\" height=\"28\" rx=\"6\"/>"
            ));
            let y = HEAD - 13.0;
            self.line(format_args!("<text class=\"name\" x=\"{x}\" y=\"{y}\">{name}</text>"));
        }
    }

    /// Spans of what the world did, behind everything else.
    fn doings(&mut self) {
        let chart = self.chart;
        for doing in &chart.doings {
            let Some(end) = doing.end else { continue };
            let mut lanes: Vec<usize> = doing.hosts.iter().filter_map(|host| chart.lane(Some(*host))).collect();
            if doing.hosts.is_empty() {
                lanes.extend(0..chart.parties.len());
            }
            let class = if doing.manner == Manner::Outage { "fault" } else { "condition" };
            let (Some(first), Some(last)) = (lanes.iter().min(), lanes.iter().max()) else { continue };
            let (left, right) = (self.x(*first) - 22.0, self.x(*last) + 22.0);
            let (top, bottom) = (self.shape.y(doing.begin) - 4.0, self.shape.y(end));
            let (width, height) = (right - left, (bottom - top).max(6.0));
            self.line(format_args!(
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>"
            ));
        }
    }

    /// Audio, as strips beside the one who hears it: on the side from which it comes.
    fn bands(&mut self) {
        let chart = self.chart;
        for band in &chart.bands {
            let (Some(from), Some(to)) = (chart.lane(Some(band.from)), chart.lane(Some(band.to))) else { continue };
            let side = if from < to { -1.0 } else { 1.0 };
            let x = self.strip(from, to) - STRIP / 2.0;
            let (top, bottom) = (self.shape.y(band.begin), self.shape.y(band.end));
            let height = (bottom - top).max(1.5);
            self.line(format_args!(
                "<rect class=\"audio\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{STRIP}\" height=\"{height:.1}\" rx=\"2\"/>"
            ));
            let mut path = String::new();
            for window in &band.windows {
                let from = self.shape.y(window.begin.max(band.begin));
                let until = self.shape.y((window.begin + window.width).min(band.end)).max(from + 1.5);
                if window.lost > 0 {
                    let height = until - from;
                    let told = format!("{:.0}% lost, MOS {:.1}", window.loss() * 100.0, window.mos());
                    let told = escaped(&format!("{}: {told}", clock_shown(window.begin)));
                    self.line(format_args!(
                        "<rect class=\"poor\" x=\"{x:.1}\" y=\"{from:.1}\" width=\"{STRIP}\" height=\"{height:.1}\"><title>{told}</title></rect>"
                    ));
                }
                // 1 is at the lane, 4.5 furthest from it.
                let share = (window.mos() - 1.0) / 3.5;
                let across = if side < 0.0 { x + STRIP * (1.0 - share) } else { x + STRIP * share };
                let begin = if path.is_empty() { 'M' } else { 'L' };
                let _ = write!(path, "{begin}{across:.1} {from:.1}V{until:.1}");
            }
            self.line(format_args!("<path class=\"mos\" d=\"{path}\"/>"));
        }
    }

    /// The middle of the strip for what `to` hears of `from`: whoever hears several has one for each.
    fn strip(&self, from: usize, to: usize) -> f64 {
        let side = if from < to { -1.0 } else { 1.0 };
        let nearer = self.heard_by(to, from > to).filter(|other| other.abs_diff(to) < from.abs_diff(to)).count();
        self.x(to) + side * (14.0 + 18.0 * nearer as f64)
    }

    /// The lanes on that side that a lane hears.
    fn heard_by(&self, to: usize, right: bool) -> impl Iterator<Item = usize> {
        let chart = self.chart;
        let hears = move |from: &usize| {
            let (from, to) = (chart.parties[*from], chart.parties[to]);
            chart.bands.iter().any(|band| band.from == from && band.to == to)
        };
        let lanes = if right { to + 1..chart.parties.len() } else { 0..to };
        lanes.filter(hears)
    }

    fn states(&mut self) {
        let chart = self.chart;
        for state in &chart.states {
            let Some(lane) = chart.lane(state.host) else { continue };
            let (top, bottom) = (self.shape.y(state.begin), self.shape.y(state.end));
            let (x, height) = (self.x(lane) - 4.0, (bottom - top).max(2.0));
            let class = state_class(&state.status);
            self.line(format_args!(
                "<rect class=\"state {class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"8\" height=\"{height:.1}\" rx=\"2\"/>"
            ));
        }
    }

    fn row(&mut self, row: &Row) {
        let chart = self.chart;
        let y = row.y;
        let clock = clock_shown(row.at);
        if let Some(pause) = row.pause {
            let middle = y - ROW / 2.0 - 6.0;
            self.line(format_args!("<text class=\"pause\" x=\"128\" y=\"{middle:.1}\">⋮ {pause:.1} s</text>"));
        }
        if !matches!(row.what, What::Step(_)) {
            self.line(format_args!("<text class=\"clock\" x=\"128\" y=\"{:.1}\">{clock}</text>", y + 4.0));
        }
        match row.what {
            What::Step(step) => {
                let step = &chart.record.steps[step];
                let width = self.right() + 20.0;
                let top = y - 11.0;
                let failed = step.status == busyhour_trace::record::StepStatus::Failed;
                let (class, mark) = if failed { ("step failed", "✗ ") } else { ("step", "") };
                self.line(format_args!(
                    "<rect class=\"back {class}\" x=\"14\" y=\"{top:.1}\" width=\"{width}\" height=\"21\" rx=\"5\"/>"
                ));
                self.line(format_args!(
                    "<text class=\"{class}\" x=\"24\" y=\"{:.1}\">{mark}<tspan class=\"keyword\">{}</tspan> {}</text>",
                    y + 4.0,
                    escaped(&step.keyword),
                    escaped(&step.text)
                ));
            }
            What::Doing(doing) => {
                let doing = &chart.doings[doing];
                let lane = doing.hosts.iter().filter_map(|host| chart.lane(Some(*host))).min();
                let x = lane.map_or(GUTTER, |lane| self.x(lane) - 16.0);
                let what = escaped(&format!("⚡ {}", doing.told(chart.record.simulated)));
                self.line(format_args!("<text class=\"doing\" x=\"{x:.1}\" y=\"{:.1}\">{what}</text>", y + 4.0));
            }
            What::Arrow(arrow) => self.arrow(&chart.arrows[arrow], y),
            What::Band(band) => {
                let band = &chart.bands[band];
                let (Some(from), Some(to)) = (chart.lane(Some(band.from)), chart.lane(Some(band.to))) else { return };
                let end = self.strip(from, to) + if from < to { -STRIP / 2.0 } else { STRIP / 2.0 };
                let (from, to) = (self.x(from), self.x(to));
                self.line(format_args!(
                    "<line class=\"arrow sound\" x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{end:.1}\" y2=\"{y:.1}\"/>"
                ));
                self.label("label sound", from, to, y, &format!("♪ {}", audio_shown(band)));
            }
            What::State(state) => {
                let state = &chart.states[state];
                let Some(lane) = chart.lane(state.host) else { return };
                let shown = escaped(&format!("{} {}", state.agent, state.status));
                let x = self.x(lane) + 9.0;
                self.line(format_args!("<text class=\"status\" x=\"{x:.1}\" y=\"{:.1}\">{shown}</text>", y + 4.0));
            }
        }
    }

    fn arrow(&mut self, arrow: &Arrow, y: f64) {
        let chart = self.chart;
        let (from, to) = (chart.lane(arrow.from), chart.lane(arrow.to));
        let from_x = from.or(to).map_or(self.right(), |lane| self.x(lane));
        let to_x = match (from, to) {
            (Some(from), Some(to)) if from == to => from_x + 46.0,
            (_, Some(to)) if from.is_some() => self.x(to),
            // Nobody knows whom it was for, or who it is that sent it.
            _ => from_x + LANE * 0.45,
        };
        let style = class(arrow.protocol);
        let mut label = arrow.label.clone();
        for told in arrow.told() {
            label.push_str(" · ");
            label.push_str(&told);
        }
        let gap = if from_x < to_x { -2.0 } else { 2.0 };
        if arrow.lost().is_some() {
            let x = from_x + (to_x - from_x) * 0.62;
            self.line(format_args!(
                "<line class=\"arrow {style} lost\" x1=\"{from_x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>"
            ));
            self.line(format_args!("<path class=\"cross\" d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\"/>", x - 4.5, y - 4.5));
            self.label("label lost", from_x, to_x, y, &label);
            return;
        }
        let end = self.shape.end(chart, arrow, y);
        let x = to_x + gap;
        self.line(format_args!(
            "<line class=\"arrow {style}\" x1=\"{from_x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{end:.1}\"/>"
        ));
        self.label(if arrow.repeated { "label again" } else { "label" }, from_x, to_x, y, &label);
    }

    /// A label above its arrow, at the arrow's left end, behind the strips of that lane.
    fn label(&mut self, class: &str, from: f64, to: f64, y: f64, label: &str) {
        let left = from.min(to);
        let lane = (0..self.chart.parties.len()).find(|lane| (self.x(*lane) - left).abs() < 1.0);
        let strips = lane.map_or(0, |lane| self.heard_by(lane, true).count());
        let x = left + 12.0 + 18.0 * strips as f64;
        let y = y - 5.0;
        self.line(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(label)));
    }
}

/// How a protocol's arrows are drawn, in `svg.css`.
fn class(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Sip => "sip",
        Protocol::WebSocket => "websocket",
        Protocol::Media => "media",
        Protocol::Webhook => "webhook",
        Protocol::Http | Protocol::Screen => "http",
        Protocol::Tcp => "tcp",
    }
}

/// How an agent's state is drawn.
pub(crate) fn state_class(status: &str) -> &'static str {
    match status {
        "READY" | "CLOSER" => "ready",
        "INCALL" => "incall",
        "QUEUE" | "DIALING" => "dialing",
        "DISPO" | "DEAD" => "wrap",
        _ => "paused",
    }
}

/// Text inside of XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            _ if sign.is_control() => out.push(' '),
            _ => out.push(sign),
        }
    }
    out
}

/// Arrow heads and hatchings: what's told by colour is told by form too.
const DEFINITIONS: &str = r##"<defs>
<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 1L9 5L0 9z"/></marker>
<marker id="hook" viewBox="0 0 12 10" refX="11" refY="5" markerWidth="10" markerHeight="8" orient="auto-start-reverse"><path class="hookhead" d="M0 5L5 1L11 5L5 9z"/></marker>
<marker id="open" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="openhead" d="M1 1L9 5L1 9"/></marker>
<pattern id="cut" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="cutback" width="8" height="8"/><line class="cutline" x1="0" y1="0" x2="0" y2="8"/></pattern>
<pattern id="poor" width="4" height="4" patternUnits="userSpaceOnUse"><line class="poorline" x1="0" y1="1" x2="4" y2="1"/></pattern>
</defs>
"##;
