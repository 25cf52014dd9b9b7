//! Where things stand in a drawing whose time runs downwards.
//!
//! A call is set up in milliseconds and lasts for minutes: by one scale nothing could be read. So everything that
//! begins has a row of its own, in the order of time, rows stand further apart where more time passes between them, and
//! what lies between two rows stands in proportion.

use std::time::Duration;

use busyhour_trace::SimTime;

use super::{Arrow, Chart, Protocol};

/// The height of a row.
pub(super) const ROW: f64 = 24.0;
/// An arrow that takes longer ends after so much height all the same.
const SLANT_MAX: f64 = 3.0 * ROW;
/// What is on time falls by so much: enough to see that it takes time.
const LEVEL: f64 = 4.0;
/// A message that takes so long is slow.
const SLOW: Duration = Duration::from_millis(100);
/// So many rows may lie between a message and one that it meets.
const LOOK_AHEAD: usize = 40;

/// What a row shows, by its place in the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Step(usize),
    Doing(usize),
    Arrow(usize),
    Band(usize),
    State(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub at: SimTime,
    pub y: f64,
    pub what: What,
    /// So much more time than usual has passed since the row before.
    pub pause: Option<f64>,
}

/// The rows of a drawing, and its clock.
#[derive(Debug)]
pub(super) struct Shape {
    pub rows: Vec<Row>,
    pub height: f64,
    /// So many rows are left out at the end.
    pub left_out: usize,
}

/// What a picture on paper shows: each poll of each screen is too much for it; what screens showed is there as states.
pub(super) fn is_drawn(protocol: Protocol) -> bool {
    protocol != Protocol::Screen
}

impl Shape {
    /// The rows of a chart, from `top` downwards; the first `rows_max` of them.
    pub(super) fn of(chart: &Chart, top: f64, rows_max: usize) -> Shape {
        let mut all: Vec<(SimTime, What)> = Vec::new();
        let steps = chart.record.steps.iter().enumerate();
        all.extend(steps.filter_map(|(index, step)| Some((step.started_at?, What::Step(index)))));
        all.extend(chart.doings.iter().enumerate().map(|(index, doing)| (doing.begin, What::Doing(index))));
        let arrows = chart.arrows.iter().enumerate().filter(|(_, arrow)| is_drawn(arrow.protocol));
        all.extend(arrows.map(|(index, arrow)| (arrow.sent, What::Arrow(index))));
        all.extend(chart.bands.iter().enumerate().map(|(index, band)| (band.begin, What::Band(index))));
        all.extend(chart.states.iter().enumerate().map(|(index, state)| (state.begin, What::State(index))));
        // What people and the world did comes before what it brought about.
        all.sort_by_key(|(at, _)| *at);
        let left_out = all.len().saturating_sub(rows_max);
        all.truncate(rows_max);
        let mut rows: Vec<Row> = Vec::new();
        let mut y = top;
        for (at, what) in all {
            let pause = rows.last().map_or(0.0, |last| at.since(last.at).as_secs_f64());
            y += ROW + room(pause);
            rows.push(Row { at, y, what, pause: (pause >= 1.0).then_some(pause) });
        }
        Shape { rows, height: y + 2.0 * ROW, left_out }
    }

    /// Where an arrow ends whose row is at `y`. One that arrives as it's expected to is nearly level, so that labels can be
    /// read; one that others cross or overtake, or that takes long, goes down to where it arrived.
    pub(super) fn end(&self, chart: &Chart, arrow: &Arrow, y: f64) -> f64 {
        let arrived = arrow.ended();
        let from = self.rows.partition_point(|row| row.y <= y);
        let meanwhile = || self.rows[from..].iter().take(LOOK_AHEAD).take_while(|row| row.at < arrived);
        let meets = |row: &Row| match row.what {
            What::Arrow(other) => {
                let other = &chart.arrows[other];
                let crosses = (other.from, other.to) == (arrow.to, arrow.from);
                let overtakes = (other.from, other.to) == (arrow.from, arrow.to) && other.ended() < arrived;
                crosses || overtakes && other.lost().is_none()
            }
            _ => false,
        };
        let is_slow = arrived.since(arrow.sent) >= SLOW && meanwhile().next().is_some();
        if is_slow || meanwhile().any(meets) { self.y(arrived).max(y).min(y + SLANT_MAX) } else { y + LEVEL }
    }

    /// Where a moment stands.
    pub(super) fn y(&self, at: SimTime) -> f64 {
        let behind = self.rows.partition_point(|row| row.at <= at);
        let (Some(before), next) = (behind.checked_sub(1).and_then(|at| self.rows.get(at)), self.rows.get(behind))
        else {
            return self.rows.first().map_or(0.0, |first| first.y);
        };
        let Some(next) = next else {
            return before.y + if at > before.at { ROW } else { 0.0 };
        };
        let share = at.since(before.at).as_secs_f64() / next.at.since(before.at).as_secs_f64();
        before.y + share * (next.y - before.y)
    }
}

/// The room that a pause takes beside its rows: ten times as long, a little more.
fn room(seconds: f64) -> f64 {
    if seconds < 0.05 { 0.0 } else { (13.0 * (1.0 + 10.0 * seconds).ln()).min(110.0) }
}
