//! Which mock takes a request, as wiremock has it: the lowest priority number first, then the order of mounting; one
//! that is used up is passed over.

use std::fmt::Write as _;

use wiremock::{Match, Request};

use super::reply::{Reply, Respond};
use super::times::Times;

/// A mock of which nothing is said: 1 is asked first, 255 last.
const PRIORITY: u8 = 5;
/// So many bytes of a body stand in a failed verification.
const BODY_SHOWN: usize = 2_000;

pub(super) struct Mock {
    matchers: Vec<Box<dyn Match>>,
    response: Box<dyn Respond>,
    pub(super) priority: u8,
    pub(super) up_to: Option<u64>,
    pub(super) expected: Times,
    pub(super) name: Option<String>,
    pub(super) matched: u64,
}

impl Mock {
    pub(super) fn new(matchers: Vec<Box<dyn Match>>, response: Box<dyn Respond>) -> Mock {
        let expected = Times::ANY;
        Mock { matchers, response, priority: PRIORITY, up_to: None, expected, name: None, matched: 0 }
    }

    fn takes(&self, request: &Request) -> bool {
        self.up_to.is_none_or(|most| self.matched < most)
            && self.matchers.iter().all(|matcher| matcher.matches(request))
    }

    fn is_as_expected(&self) -> bool {
        self.expected.contains(self.matched)
    }
}

/// All mocks of a receiver, in the order of mounting.
#[derive(Default)]
pub(super) struct Mocks(pub(super) Vec<Mock>);

impl Mocks {
    /// Lets a mock take the request: its place and its reply.
    pub(super) fn take(&mut self, request: &Request) -> Option<(usize, Reply)> {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|place| self.0[*place].priority);
        let place = order.into_iter().find(|place| self.0[*place].takes(request))?;
        let mock = &mut self.0[place];
        mock.matched += 1;
        Some((place, mock.response.respond(request)))
    }

    /// What isn't as expected, in wiremock's words; none if all is well.
    pub(super) fn unverified<'r>(&self, received: impl ExactSizeIterator<Item = &'r Request>) -> Option<String> {
        let mut text = String::from("Verifications failed:\n");
        let mut failed = false;
        for (place, mock) in self.0.iter().enumerate().filter(|(_, mock)| !mock.is_as_expected()) {
            failed = true;
            let name = mock.name.clone().unwrap_or_else(|| format!("Mock #{place}"));
            let (expected, matched) = (mock.expected, mock.matched);
            // Writing to a string can't fail, here and below.
            let _ = writeln!(text, "- {name}.\n\tExpected range of matching incoming requests: {expected}");
            let _ = writeln!(text, "\tNumber of matched incoming requests: {matched}");
        }
        if !failed {
            return None;
        }
        if received.len() == 0 {
            text.push_str("\nThe server did not receive any request.");
        } else {
            text.push_str("\nReceived requests:\n");
            for (index, request) in received.enumerate() {
                let _ = write!(text, "- Request #{}\n\t", index + 1);
                print(&mut text, request);
            }
        }
        Some(text)
    }
}

fn print(text: &mut String, request: &Request) {
    let _ = writeln!(text, "{} {}", request.method, request.url);
    for name in request.headers.keys() {
        let values = request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let _ = writeln!(text, "{name}: {}", values.collect::<Vec<_>>().join(","));
    }
    let shown = &request.body[..request.body.len().min(BODY_SHOWN)];
    let _ = writeln!(text, "{}", String::from_utf8_lossy(shown));
    if shown.len() < request.body.len() {
        let _ = writeln!(text, "({} bytes of {})", shown.len(), request.body.len());
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, header, method, path, query_param};

    use super::*;

    fn request(verb: &str, target: &str) -> Request {
        Request {
            url: format!("http://crm{target}").parse().unwrap(),
            method: verb.parse().unwrap(),
            headers: crate::http::HeaderMap::new(),
            body: b"hello".to_vec(),
        }
    }

    fn mock(matcher: impl Match + 'static, status: u16) -> Mock {
        Mock::new(vec![Box::new(matcher)], Box::new(Reply::status(status)))
    }

    fn statuses(mocks: &mut Mocks, requests: &[Request]) -> Vec<String> {
        let reply = |request| mocks.take(request).map_or("none".to_owned(), |(_, reply)| reply.in_words());
        requests.iter().map(reply).collect()
    }

    #[test]
    fn the_first_that_was_mounted_takes_it() {
        let mut mocks = Mocks(vec![mock(method("GET"), 200), mock(path("/hook"), 201)]);
        let asked = [request("GET", "/hook"), request("POST", "/hook"), request("POST", "/other")];
        assert_eq!(statuses(&mut mocks, &asked), ["200", "201", "none"]);
    }

    #[test]
    fn a_lower_priority_number_comes_before_the_order_of_mounting() {
        let mut mocks = Mocks(vec![mock(method("GET"), 200), mock(method("GET"), 201), mock(method("GET"), 202)]);
        mocks.0[1].priority = 4;
        mocks.0[2].priority = 4;
        assert_eq!(statuses(&mut mocks, &[request("GET", "/")]), ["201"]);
    }

    #[test]
    fn one_that_is_used_up_lets_the_next_have_it() {
        let mut mocks = Mocks(vec![mock(method("GET"), 500), mock(method("GET"), 200)]);
        mocks.0[0].up_to = Some(2);
        let asked = vec![request("GET", "/"); 4];
        assert_eq!(statuses(&mut mocks, &asked), ["500", "500", "200", "200"]);
    }

    #[test]
    fn all_matchers_of_a_mock_must_agree() {
        let all: Vec<Box<dyn Match>> = vec![
            Box::new(method("POST")),
            Box::new(path("/hook")),
            Box::new(query_param("lead", "7")),
            Box::new(body_string("hello")),
        ];
        let mut mocks = Mocks(vec![Mock::new(all, Box::new(Reply::status(200)))]);
        let asked = [request("POST", "/hook?lead=7"), request("POST", "/hook?lead=8"), request("GET", "/hook?lead=7")];
        assert_eq!(statuses(&mut mocks, &asked), ["200", "none", "none"]);
        let mut mocks = Mocks(vec![mock(header("x-try", "2"), 200)]);
        let mut second = request("GET", "/");
        second.headers.insert("x-try", "2".parse().unwrap());
        assert_eq!(statuses(&mut mocks, &[request("GET", "/"), second]), ["none", "200"]);
    }

    #[test]
    fn a_function_may_reply() {
        let echo = |request: &Request| Reply::status(if request.body.is_empty() { 400 } else { 200 });
        let mut mocks = Mocks(vec![Mock::new(vec![Box::new(method("GET"))], Box::new(echo))]);
        assert_eq!(statuses(&mut mocks, &[request("GET", "/")]), ["200"]);
    }

    #[test]
    fn what_was_expected_and_never_came_is_told_in_wiremocks_words() {
        let mut mocks = Mocks(vec![mock(method("GET"), 200), mock(method("POST"), 200)]);
        mocks.0[0].expected = 2.into();
        mocks.0[1].expected = (1..).into();
        mocks.0[1].name = Some("the sale".to_owned());
        assert_eq!(
            mocks.unverified([].iter()).unwrap(),
            "Verifications failed:\n\
             - Mock #0.\n\tExpected range of matching incoming requests: == 2\n\
             \tNumber of matched incoming requests: 0\n\
             - the sale.\n\tExpected range of matching incoming requests: 1 <= x\n\
             \tNumber of matched incoming requests: 0\n\
             \nThe server did not receive any request."
        );
        let asked = [request("GET", "/a"), request("GET", "/b")];
        statuses(&mut mocks, &asked);
        let text = mocks.unverified(asked.iter()).unwrap();
        assert!(!text.contains("Mock #0"), "{text}");
        assert!(text.ends_with("- Request #1\n\tGET http://crm/a\nhello\n- Request #2\n\tGET http://crm/b\nhello\n"));
        statuses(&mut mocks, &[request("POST", "/")]);
        assert_eq!(mocks.unverified(asked.iter()), None);
    }
}
