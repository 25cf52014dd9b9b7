//! Asking the floor's Non-Agent API for a lead's status: how a CRM learns what no webhook has told it.

use std::time::Duration;

use bytes::Bytes;

use crate::http::{Client, Limits, Request};

/// Whom to ask for what, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The API: `http://server/vicidial/non_agent_api.php`.
    pub url: String,
    /// The API's user.
    pub user: String,
    /// Her password.
    pub password: String,
    /// The lead that's asked for.
    pub lead_id: String,
    /// How often.
    pub every: Duration,
}

impl Poll {
    /// `lead_field_info` for the field `status` (domain.md, Part 2, APIs).
    fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("source", "crm").append_pair("user", &self.user).append_pair("pass", &self.password);
        query.append_pair("function", "lead_field_info").append_pair("lead_id", &self.lead_id);
        query.append_pair("field_name", "status");
        format!("{}?{}", self.url, query.finish())
    }

    /// Asks once: the lead's status, if the API has one to tell.
    pub(super) async fn ask(&self, client: &Client) -> Option<String> {
        let request = Request::get(self.target()).body(Bytes::new()).ok()?;
        let answer = client.send(request, Limits::default()).await.ok()?;
        let text = String::from_utf8_lossy(answer.body());
        let line = text.lines().next().unwrap_or_default().trim();
        let told = answer.status().is_success() && !line.is_empty();
        let refused = ["ERROR:", "NOTICE:"].iter().any(|word| line.starts_with(word)) || line.contains("PERMISSION");
        (told && !refused).then(|| line.to_owned())
    }
}
