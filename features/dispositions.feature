Feature: Dispositions
  What an agent saves at the end of a call is what everybody is paid by. It is in the floor's books once, whatever becomes
  of her tab in that moment; whether the CRM hears of it is a matter of who sends the webhook: in VICIdial the agent's own
  tab asks for it in a second step.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a lead 1001 with phone number "15551230001"

  Rule: In the vicidial profile

    Background:
      Given a contact center with the "vicidial" profile
      And a campaign renewals
      And agent alice with a hardphone
      And a webhook receiver crm
      And renewals sends "disposition.saved" to crm

    # A disposition that is acknowledged and not in the books, or told to the CRM with another status.
    Scenario: A sale is in the floor's books and in the CRM's
      Given alice is talking to lead 1001
      When alice hangs up
      Then alice is "DISPO" within 2 seconds
      When alice saves disposition "SALE"
      Then lead 1001 has status "SALE" within 2 seconds
      And crm recorded 1 sale for lead 1001 within 5 seconds
      And crm's record of lead 1001 says "SALE" within 5 seconds
      And alice is "READY" within 3 seconds

    # The customer stays on the line while the agent is counted as free, and gets the next call on top (defect 62).
    Scenario: Saving in a live call hangs up first
      Given alice is talking to lead 1001
      When alice saves disposition "NI"
      Then the call has ended for everybody within 32 seconds
      And lead 1001 has status "NI" within 2 seconds

    # Defect 65: the agent is left in a call that nobody else is in.
    Scenario: A customer who hangs up leaves a dead call, and the agent decides what it was
      Given alice is talking to lead 1001
      When the customer hangs up
      Then alice is "DEAD" within 5 seconds
      When alice saves disposition "SALE"
      Then lead 1001 has status "SALE" within 2 seconds
      And alice is "READY" within 3 seconds

    # VICIdial's two-step URL: updateDISPO hands the URLs' ids to the tab, and nobody is left to come back for them.
    @breaks:no_event_lost_at_rest
    Scenario: The tab that is closed at once takes the webhook with it
      Given alice is talking to lead 1001
      And alice hangs up
      When alice saves disposition "SALE" and closes the tab at once
      Then lead 1001 has status "SALE" within 5 seconds
      And crm got no deliveries within 5 minutes
      And crm recorded no sales for lead 1001

    # An impatient agent clicks twice, and VICIdial saves and tells it all again (the quirk saves-twice): a CRM that counts
    # deliveries has two sales.
    Scenario: A double click makes no second sale at a CRM that counts calls
      Given alice is talking to lead 1001
      And alice hangs up
      When alice saves disposition "SALE" twice at once
      Then lead 1001 has status "SALE" within 5 seconds
      And crm got 2 deliveries of "disposition.saved" for lead 1001 within 30 seconds
      And crm recorded 1 sale for lead 1001 within 30 seconds

    # A lead that never leaves the disposition screen: it is neither dialed again nor reported.
    Scenario: A disposition that is never saved leaves the lead in DISPO
      Given alice is talking to lead 1001
      And alice hangs up
      When alice's laptop sleeps for 1 minute
      Then lead 1001 has status "DISPO"
      And alice is "DISPO"
      When alice logs in to renewals
      And 5 seconds pass
      Then lead 1001 has status "DISPO"
      And crm got no deliveries

    # A code that is told to the CRM by another name, or not at all.
    Scenario Outline: Each disposition is told as it was saved: <code>
      Given alice is talking to lead 1001
      When alice saves disposition "<code>"
      Then lead 1001 has status "<code>" within 2 seconds
      And crm's record of lead 1001 says "<code>" within 5 seconds
      And crm recorded no sales for lead 1001

      Examples:
        | code |
        | NI   |
        | NP   |
        | DEC  |
        | B    |
        | A    |

    # A customer who asked never to be called again is in the hopper the next minute.
    Scenario: DNC blocks the number for good
      Given alice is talking to lead 1001
      When alice saves disposition "DNC"
      Then lead 1001 is blocked as do-not-call within 2 seconds
      When alice pauses
      And alice dials lead 1001 by hand
      Then lead 1001 was dialed once
      And alice is "PAUSED"

  Rule: In the modern profile the server tells of it, in the transaction that saves it

    Background:
      Given a contact center with the "modern" profile
      And a campaign renewals
      And agent alice with a hardphone
      And a webhook receiver crm
      And crm verifies signatures
      And renewals sends "disposition.saved" to crm

    # What VICIdial's quirk costs: the same click, and the CRM has the sale.
    Scenario: The tab that is closed at once takes nothing with it
      Given alice is talking to lead 1001
      And alice hangs up
      When alice saves disposition "SALE" and closes the tab at once
      Then lead 1001 has status "SALE" within 5 seconds
      And crm recorded 1 sale for lead 1001 within 10 seconds
      And no event is lost within 1 minute

    # Defect 79: the same disposition is told twice under two ids.
    Scenario: A double click is one disposition and one event
      Given alice is talking to lead 1001
      And alice hangs up
      When alice saves disposition "SALE" twice at once
      Then crm got 1 delivery of "disposition.saved" for lead 1001 within 1 minute
      And crm recorded 1 sale for lead 1001

    # Defect 82: acknowledged in memory, gone with the power.
    Scenario: The floor crashes right after it has acknowledged the disposition
      Given crm goes down
      And alice is talking to lead 1001
      And alice saves disposition "SALE"
      When the floor crashes
      And 10 seconds pass
      And the floor restarts
      And crm comes back
      Then lead 1001 has status "SALE" within 5 seconds
      And crm recorded 1 sale for lead 1001 within 10 minutes
      And no event is lost within 10 minutes
