//! Audio in words.

use std::time::Duration;

use super::audio::Audio;

/// What stands on a stretch of audio: `audio both ways 3.2 s`.
pub(super) fn audio_label(audio: &Audio) -> String {
    let lasted = lasted(audio.end.since(audio.begin));
    match (audio.both, audio.heard) {
        (true, _) => format!("audio both ways {lasted}"),
        (false, false) => format!("no audio {lasted}"),
        (false, true) => format!("audio one way {lasted}"),
    }
}

/// What stands behind it.
pub(super) fn audio_remark(audio: &Audio) -> String {
    match (audio.lost, audio.why) {
        (0, _) => String::new(),
        (lost, Some(why)) => format!("{lost} of {} packets lost: {why}", audio.arrived + lost),
        (lost, None) => format!("{lost} of {} packets lost", audio.arrived + lost),
    }
}

fn lasted(time: Duration) -> String {
    let tenths = time.as_millis().div_ceil(100);
    format!("{}.{} s", tenths / 10, tenths % 10)
}
