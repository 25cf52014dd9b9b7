Feature: What goes without saying
  A scenario says what it's about, and nothing else: everything else is as these scenarios find it. Whoever changes one of
  these changes what hundreds of scenarios mean.

  The comment before each scenario names the default, as the vocabulary has it.

  # "It starts Monday 2026-11-23 09:00 in America/New_York", in the vicidial profile.
  Scenario: A contact center opens on a Monday at nine in New York
    Given a campaign renewals
    When the CRM calls the Non-Agent API function "version"
    Then the API answers "VERSION: 2.14-200|BUILD: 241004-1200|DATE: 2026-11-23 09:00:0"

  # "Registrations last 300 s for hardphones, 120 s for webphones."
  Scenario: A hardphone that has lost its power is known for five minutes
    Given agent alice with a hardphone
    And alice's phone registers
    When alice's phone loses power
    And 4 minutes pass
    Then the server has 1 contact for alice
    And the server has 0 contacts for alice within 1 minute

  Scenario: A webphone whose laptop sleeps is known for two
    Given agent alice with a webphone
    And alice's phone registers
    When alice's laptop sleeps
    And 1 minute passes
    Then the server has 1 contact for alice
    And the server has 0 contacts for alice within 1 minute

  Rule: Customers

    Background:
      Given a campaign renewals
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And a lead 1002 with phone number "15551230002"
      And alice is ready in renewals

    # "A customer of whom nothing is said answers after 2 s and talks until hung up on."
    Scenario: A customer answers and talks until somebody hangs up
      When the dialer calls lead 1001
      Then alice is "INCALL" within 1 second
      When 1 hour passes
      Then alice and the customer hear each other within 5 seconds

    # "One named customer's rule beats every customer", whichever is said first.
    Scenario: What is said of one customer counts for her
      Given the customer at "15551230001" is busy
      And every customer answers after 2 seconds and talks for 10 minutes
      When the dialer calls lead 1001
      Then lead 1001 has status "AB" within 5 seconds
      When the dialer calls lead 1002
      Then alice is "INCALL" within 5 seconds

    # "Ringing lasts 60 s (dial timeout), then NA."
    Scenario: A phone rings for a minute
      Given the customer at "15551230001" never answers
      When the dialer calls lead 1001
      And 48 seconds pass
      Then lead 1001 has status "NEW"
      And lead 1001 has status "NA" within 5 seconds

    # "Drop after 5 s without an agent."
    Scenario: Nobody waits for longer than five seconds
      When the dialer runs
      And 1 second passes
      And alice pauses
      And 5 seconds pass
      Then lead 1001 has status "PU"
      And lead 1001 has status "DROP" within 4 seconds

    # "Wrap-up is 0 s; after a disposition an agent is ready unless paused." "Saving a disposition in a live call hangs up first."
    Scenario: After a disposition she is ready, unless she has paused
      When the dialer calls lead 1001
      And 10 seconds pass
      And alice saves disposition "NI"
      Then alice is "READY" within 2 seconds
      And the call has ended for everybody within 2 seconds
      When the dialer calls lead 1002
      And 10 seconds pass
      And alice pauses with pause code "LUNCH"
      And alice saves disposition "NI"
      Then alice is paused with pause code "LUNCH" within 2 seconds

  Rule: Leads

    # "With one campaign it needn't be named. A bare lead is in the only campaign's list; 500 leads in renewals are 1 .. 500 with
    # phone numbers 15550000001 on."
    Scenario: Leads are in the only campaign's list, and numbered
      Given a campaign renewals
      And 500 leads
      Then there is 1 lead with phone number "15550000001"
      And there is 1 lead with phone number "15550000500"
      And there are no leads with phone number "15550000501"
      When the CRM calls the Non-Agent API function "lead_search" with:
        | parameter    | value       |
        | phone_number | 15550000042 |
      Then the API answers "15550000042|1|42"

    # "The hopper is filled each minute and when a campaign starts."
    Scenario: The hopper is filled at once, and each minute
      Given a campaign renewals
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And every customer answers after 2 seconds and talks for 5 seconds
      And alice is ready in renewals
      And alice saves disposition "NI" 1 second after a call
      When the dialer runs
      And 10 seconds pass
      Then lead 1001 was dialed once
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | list_id      | 101         |
      And 5 seconds pass
      Then 1 lead has status "NEW"
      And no leads have status "NEW" within 1 minute

  Rule: Sessions

    Background:
      Given a campaign renewals
      And agent alice with a webphone
      And a lead 1001 with phone number "15551230001"

    # "The agent's own session call is answered by her phone itself; customers arrive in it without ringing."
    Scenario: Her phone answers her session's call, and rings for no customer
      Given alice is ready in renewals
      When the dialer calls lead 1001
      Then alice and the customer hear each other within 10 seconds

    # "An opened or reloaded page registers again but doesn't log in."
    Scenario: A page that is opened again registers, and logs nobody in
      Given alice is ready in renewals
      When alice closes the tab
      And 1 minute passes
      And alice opens the tab again
      Then alice's phone is registered within 5 seconds
      And alice is logged out
      When 1 minute passes
      Then alice is logged out

  Rule: Receivers

    Background:
      Given a contact center with the "modern" profile
      And a campaign renewals
      And agent alice with a hardphone
      And a lead 1001 with phone number "15551230001"
      And a webhook receiver crm
      And renewals sends "disposition.saved" to crm
      And renewals sends "sale.closed" to crm
      And alice is talking to lead 1001

    # "A receiver crm dedupes, answers 200 at once." "A sale is one per call, whichever events tell of it."
    Scenario: A receiver answers at once, and counts a call's sale once
      When alice saves disposition "SALE"
      And 1 second passes
      Then crm accepted 2 deliveries
      And crm recorded 1 sale for lead 1001

    # "Verifies nothing unless told."
    @breaks:no_forged_effect
    Scenario: A receiver of whom nothing is said believes everybody
      When alice saves disposition "NI"
      And a stranger posts a forged "disposition.saved" to crm
      Then crm accepted 2 deliveries within 10 seconds
      And crm rejected no deliveries
      And crm recorded 1 sale for lead 1001

    # "answers 500: before doing the work; takes 40 seconds: work first, reply late; goes down: connections are refused."
    Scenario: A receiver that answers 500 hasn't done the work
      Given crm answers 500 to the next 2 deliveries
      When alice saves disposition "SALE"
      And 2 seconds pass
      Then crm got 2 deliveries
      And crm accepted no deliveries
      And crm recorded no sales for lead 1001
      And crm recorded 1 sale for lead 1001 within 10 seconds

    Scenario: A receiver that takes its time has done the work
      Given crm takes 40 seconds to answer
      When alice saves disposition "SALE"
      And 2 seconds pass
      Then crm recorded 1 sale for lead 1001

    Scenario: A receiver that is down isn't reached
      Given crm goes down
      When alice saves disposition "SALE"
      And 2 minutes pass
      Then crm got no deliveries
