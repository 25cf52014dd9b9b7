Feature: Round 4
  Every phrase of the floor, its webhooks and its APIs, performed as the contract writes it.

  Scenario: A sale
    Given it is "2026-11-23 08:59" in "America/New_York"
    And a contact center with the "vicidial" profile
    And a campaign renewals with dial level 2
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm
    And renewals sends "disposition.saved" to crm
    And renewals opens the URL "http://crm.test/pop?phone=--A--phone_number--B--" when a call starts
    And a poller asks the Non-Agent API for lead 1001 every 5 seconds
    And alice is ready in renewals
    When the dialer calls lead 1001
    Then alice is "INCALL" within 5 seconds
    And alice's agent screen shows "INCALL" within 2 seconds
    And alice's agent screen opened "http://crm.test/pop?phone=15551230001" once within 2 seconds
    And alice and the customer hear each other within 5 seconds
    When alice hangs up
    And alice saves disposition "SALE"
    Then lead 1001 has status "SALE" within 10 seconds
    And lead 1001 was dialed once
    And no lead was dialed more than once
    And 1 lead has status "SALE"
    And crm got 1 delivery of "disposition.saved" for lead 1001 within 10 seconds
    And crm accepted 1 delivery
    And crm rejected no deliveries
    And crm recorded 1 sale for lead 1001 within 10 seconds
    And crm's record of lead 1001 says "SALE" within 10 seconds
    And the drop rate of renewals is at most 3%
    When 10 seconds pass
    Then the webhook told the CRM before the poller did
    When alice logs out
    Then alice is logged out within 1 minute

  Scenario: A session
    Given a campaign renewals
    And agents alice and bob with hardphones
    And every agent's phone registers
    When every agent logs in to renewals over 1 minute
    And alice becomes ready
    Then alice is "READY" within 40 seconds
    When 2 minutes pass
    And alice pauses with pause code "LUNCH"
    Then alice is paused with pause code "LUNCH" within 5 seconds
    When alice opens a second tab
    And alice logs in to renewals in the second tab
    Then alice's first tab is disabled within 10 seconds
    When bob logs out
    Then bob's session lasted 152 seconds in all: 152 seconds paused

  Scenario: Dispositions in all ways
    Given a campaign renewals
    And agent alice with a hardphone
    And these leads:
      | lead_id | phone_number | first_name |
      | 1001    | 15551230001  | Ann        |
      | 1002    | 15551230002  | Joe        |
    And alice is talking to lead 1001
    When alice saves disposition "NI" twice at once
    Then lead 1001 has status "NI" within 10 seconds
    When the dialer calls lead 1002
    And alice saves disposition "SALE" and closes the tab at once
    Then lead 1002 has status "SALE" within 10 seconds

  Scenario: A callback for anyone, and one for herself
    Given a campaign renewals
    And agents alice and bob with hardphones
    And a lead 1001 with phone number "15551230001"
    And a lead 1002 with phone number "15551230002"
    And bob is ready in renewals
    And bob pauses
    And alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 10 minutes
    And alice is talking to lead 1002
    And alice saves disposition "CALLBK" with a callback in 10 minutes for herself only
    When the dialer runs for 9 minutes
    And the dialer runs
    Then the callback for lead 1001 does not ring bob
    And the callback for lead 1001 rings alice within 5 minutes
    And the callback for lead 1002 is due for alice within 2 minutes
    When the dialer stops

  Scenario: A manual campaign
    Given a campaign renewals that dials manually
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a lead 1002 with phone number "15551230002"
    And lead 1002 is on the do-not-call list
    And alice's phone registers
    When alice logs in to renewals
    And alice dials lead 1001 by hand
    Then alice is "INCALL" within 10 seconds
    And lead 1002 is blocked as do-not-call

  Scenario: Supervisors
    Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And alice is talking to lead 1001
    When sam listens in on alice
    And kim whispers to alice
    And lee barges in on alice
    Then alice hears lee within 5 seconds

  Scenario: A busy quarter of an hour
    Given a campaign renewals that dials predictively
    And renewals detects answering machines
    And 3 agents with hardphones
    And every customer answers after 2 seconds and talks for 40 seconds
    And 30% of customers answer, 10% are busy, 15% have an answering machine and the others never answer
    And 40 leads in renewals
    And every agent is ready in renewals
    And every agent saves disposition "NI" 5 seconds after a call
    When renewals recycles leads with status "AB" after 5 minutes
    And the dialer runs for 2 minutes
    Then at most 50 leads have status "NA"

  Scenario: Inbound
    Given a campaign support
    And an inbound line "8005550100" that rings campaign support
    And callers to "8005550100" wait at most 60 seconds and then go to "8005550199"
    And agent alice with a hardphone
    And alice is ready in support
    And alice pauses
    When the customer at "15551230009" calls "8005550100"
    Then 1 customer waits for support within 5 seconds

  Scenario: The APIs
    Given a campaign renewals
    And agent alice with a hardphone
    And alice is ready in renewals
    When the CRM calls the Non-Agent API function "version"
    Then the API answers "VERSION: "
    When the reply to the next API call is lost
    And the CRM calls the Non-Agent API function "add_lead" with:
      | parameter    | value       |
      | phone_number | 15557654321 |
    Then the API does not answer
    When the CRM repeats the last API call
    Then the API answers "SUCCESS: add_lead LEAD HAS BEEN ADDED"
    And there are 2 leads with phone number "15557654321"
    When the CRM calls the Agent API function "external_pause" for alice with value "PAUSE"
    Then alice is "PAUSED" within 5 seconds
    When the CRM calls the Agent API function "external_pause" for alice with:
      | parameter | value  |
      | value     | RESUME |
    Then alice is "READY" within 5 seconds

  @breaks:effects_exactly_once
  Scenario: Webhooks that fail, are late, and come twice
    Given a contact center with the "modern" profile
    And a campaign renewals
    And agent alice with a hardphone
    And 3 leads in renewals
    And a webhook receiver crm that counts every delivery as new
    And renewals sends "disposition.saved" to crm by the "standard" sender
    And crm answers 500 to the next 1 delivery
    And alice is talking to lead 1
    When alice saves disposition "SALE"
    Then crm got 2 deliveries within 10 seconds
    And both deliveries carry the same id
    When crm takes 40 seconds to answer
    And crm answers at once again
    And the next delivery arrives twice at once
    And the dialer calls lead 2
    And alice saves disposition "SALE"
    Then crm recorded 2 sales for lead 2 within 10 seconds
    When the reply to the next delivery is lost
    And the next delivery is held back until the one after it has arrived
    And crm goes down
    And the dialer calls lead 3
    And alice saves disposition "SALE"
    And crm comes back
    Then no event is lost within 1 day

  Scenario: Strangers and secrets
    Given a contact center with the "modern" profile
    And a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm
    And crm verifies signatures
    And renewals sends "disposition.saved" to crm
    And alice is talking to lead 1001
    And alice saves disposition "NI"
    When a stranger posts a forged "disposition.saved" to crm
    And a stranger posts the last delivery with a changed body
    And the last delivery is sent again after 10 minutes
    Then crm rejected 3 deliveries
    When the sender's secret is rotated
    And crm learns the new secret
    And the dialer calls lead 1001
    And alice saves disposition "SALE"
    Then crm accepted 2 deliveries within 10 seconds

  Scenario: A sender that gives up, and one that is disabled
    Given a contact center with the "modern" profile
    And a campaign renewals
    And a webhook receiver crm
    And renewals sends "lead.added" to crm by the "svix" sender
    And crm goes down
    When the CRM calls the Non-Agent API function "add_lead" with:
      | parameter    | value       |
      | phone_number | 15557654321 |
      | list_id      | 101         |
    Then the sender gave up on crm within 2 days
    When the CRM calls the Non-Agent API function "add_lead" with:
      | parameter    | value       |
      | phone_number | 15557654322 |
      | list_id      | 101         |
    And 2 days pass
    And the CRM calls the Non-Agent API function "add_lead" with:
      | parameter    | value       |
      | phone_number | 15557654323 |
      | list_id      | 101         |
    And 2 days pass
    And the CRM calls the Non-Agent API function "add_lead" with:
      | parameter    | value       |
      | phone_number | 15557654324 |
      | list_id      | 101         |
    Then the sender disabled crm within 6 days
