//! JUnit's XML, in the dialect that Jenkins, GitLab and their like read.
//!
//! A feature file is a suite, a run of a scenario with a seed is a test. GitLab counts the first of several tests with
//! one name alone, so each has a name of its own; and of files above 30 MB nothing, hence [`super::telling`]. What chance
//! spared is skipped, and a run that wasn't the same a second time is an error, as is a bug of the harness: they tell
//! nothing of what was tested. There are no moments in it, only CPU time.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::telling::{Closed, One, Told};
use super::{End, Word, Writer, visible};
use crate::paint::Paint;
use crate::report::{self, Launcher};
use crate::script::Case;

/// Writes JUnit's XML at the end of the run.
pub struct Junit {
    out: Box<dyn Write>,
    launcher: Launcher,
    suites: Vec<(TestSuite, Duration)>,
}

impl Junit {
    /// Into there.
    pub fn new(out: Box<dyn Write>, launcher: Launcher) -> Junit {
        Junit { out, launcher, suites: Vec::new() }
    }

    fn add(&mut self, case: &Case, test: TestCase, time: Duration) {
        let file = visible(&case.feature.file);
        if self.suites.last().is_none_or(|(suite, _)| suite.name.as_str() != file) {
            self.suites.push((TestSuite::new(file), Duration::ZERO));
        }
        let (suite, sum) = self.suites.last_mut().expect("one was pushed if there was none");
        *sum += time;
        suite.add_test_case(test);
    }

    fn one(&mut self, one: &One<'_>) {
        let One { job, result, different, at_length } = *one;
        let shown = || {
            let mut result = result.clone();
            if !at_length {
                // Many diagrams of one scenario would make a file that nothing opens; the records have them all.
                result.account.diagram.clear();
            }
            report::failure_shown(job, &result, Paint::OFF, self.launcher)
        };
        let status = match one.word() {
            Word::Passed => TestCaseStatus::success(),
            Word::NotExercised => skipped(&result.spared().join("; ")),
            Word::Failed => unsuccessful(NonSuccessKind::Failure, "failed", &result.why(), &shown()),
            Word::Nondeterministic => {
                let text = different.unwrap_or_default();
                let message = "the run was not the same when it was run again with the same seed";
                unsuccessful(NonSuccessKind::Error, "nondeterministic", message, text)
            }
            Word::Bug => unsuccessful(NonSuccessKind::Error, "bug", &result.why(), &shown()),
        };
        let mut test = test(&job.case, &format!("seed {}", job.seed), status, result.account.cpu_time);
        test.add_property(Property::new("seed", job.seed.to_string()));
        test.add_property(Property::new("scenario-seed", format!("{:#018x}", result.scenario_seed)));
        test.add_property(Property::new("simulated-seconds", format!("{:.3}", result.account.sim_time.as_secs_f64())));
        if let Some(hash) = &result.account.hash {
            test.add_property(Property::new("hash", hash));
        }
        if one.word() != Word::Passed {
            let attachments: Vec<String> =
                result.account.record_files.iter().map(|file| format!("[[ATTACHMENT|{}]]", file.display())).collect();
            if !attachments.is_empty() {
                test.set_system_out(visible(&attachments.join("\n")));
            }
        }
        self.add(&job.case, test, result.account.cpu_time);
    }

    fn closed(&mut self, closed: &Closed) {
        let case = &closed.case;
        if closed.untold.all() > 0 {
            let told = format!("{}, not told one by one: {}", counted(closed.untold.all()), closed.untold.told());
            let status = match closed.untold.worst() {
                Word::Passed => TestCaseStatus::success(),
                Word::NotExercised => skipped(&told),
                Word::Failed => unsuccessful(NonSuccessKind::Failure, "failed", &told, &told),
                word @ (Word::Nondeterministic | Word::Bug) => {
                    unsuccessful(NonSuccessKind::Error, word.as_str(), &told, &told)
                }
            };
            let (sim_time, cpu) = closed.untold_time;
            let mut test = test(case, "the other seeds", status, cpu);
            test.add_property(Property::new("seeds", closed.untold.all().to_string()));
            test.add_property(Property::new("simulated-seconds", format!("{:.3}", sim_time.as_secs_f64())));
            self.add(case, test, cpu);
        }
        if !closed.never_hit.is_empty() {
            let told = closed.never_hit.join("\n");
            let status = unsuccessful(NonSuccessKind::Failure, "never hit", &closed.never_hit[0], &told);
            self.add(case, test(case, "all seeds", status, Duration::ZERO), Duration::ZERO);
        }
    }
}

impl Writer for Junit {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        match told {
            Told::One(one) => self.one(one),
            Told::Closed(closed) => self.closed(closed),
        }
        Ok(())
    }

    fn finish(&mut self, _: &End<'_>) -> io::Result<()> {
        let mut report = Report::new("busyhour");
        report.set_time(self.suites.iter().map(|(_, time)| *time).sum());
        for (mut suite, time) in self.suites.drain(..) {
            suite.set_time(time);
            report.add_test_suite(suite);
        }
        report.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.flush()
    }
}

fn counted(seeds: u64) -> String {
    report::counted(usize::try_from(seeds).unwrap_or(usize::MAX), "seed")
}

/// A test that no other has the name of.
fn test(case: &Case, seed: &str, status: TestCaseStatus, time: Duration) -> TestCase {
    let rule = case.rule.as_ref().map(|rule| format!("{rule} > ")).unwrap_or_default();
    let name = visible(&format!("{} > {rule}{} ({seed})", case.feature.name, case.title()));
    let mut test = TestCase::new(name, status);
    test.set_classname(class_name(&case.feature.file));
    test.set_time(time);
    test.extra.insert("file".into(), visible(&case.feature.file).into());
    test.extra.insert("line".into(), case.line.to_string().into());
    test
}

/// The feature file as the name of a class: its folders with dots between them.
fn class_name(file: &str) -> String {
    let bare = file.strip_suffix(".feature").unwrap_or(file);
    // A dot of a folder's own would open a folder that isn't there.
    let parts: Vec<String> =
        bare.split('/').filter(|part| !part.is_empty() && *part != "..").map(|part| part.replace('.', "_")).collect();
    visible(&parts.join("."))
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(first_line(why));
    status
}

fn unsuccessful(kind: NonSuccessKind, is: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(is);
    status.set_message(first_line(message));
    // Some readers show the message alone and some the text alone.
    status.set_description(format!("{}\n{}", visible(message), visible(text)));
    status
}

/// A reader of XML makes one line of an attribute.
fn first_line(text: &str) -> String {
    visible(text.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_by_folders_with_dots_between() {
        assert_eq!(class_name("features/sip/calls.v2.feature"), "features.sip.calls_v2");
        assert_eq!(class_name("../shop/features/x.feature"), "shop.features.x");
        assert_eq!(class_name("/home/q/x.feature"), "home.q.x");
    }
}
