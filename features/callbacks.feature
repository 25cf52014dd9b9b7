Feature: Callbacks
  A customer who was promised a call at three gets one at three: from whoever is free, or from the agent who promised it.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign renewals
    And agents alice and bob with hardphones
    And a lead 1001 with phone number "15551230001"

  # Defect 68 (FreePBX#525, #317): a callback is placed two to four times, or never.
  Scenario: A callback for anyone is dialed when it's due, once
    Given alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 20 minutes
    When the dialer runs
    And 19 minutes pass
    Then lead 1001 was dialed once
    And the callback for lead 1001 rings alice within 3 minutes
    And lead 1001 was dialed twice

  # An agent's own customer is given to whoever is free.
  Scenario: A callback for herself alerts her screen, and nobody else is rung
    Given bob is ready in renewals
    And bob pauses
    And alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 10 minutes for herself only
    And bob becomes ready
    When the dialer runs
    And 9 minutes pass
    Then the callback for lead 1001 does not ring bob within 5 minutes
    And the callback for lead 1001 is due for alice
    When alice pauses
    And alice dials lead 1001 by hand
    Then alice is "INCALL" within 10 seconds
    And lead 1001 was dialed twice

  # A callback that comes due while its agent is at lunch is lost, or dialed into an empty room.
  Scenario: A callback that comes due while its agent is away waits for her
    Given alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 10 minutes for herself only
    And alice logs out
    When the dialer runs for 20 minutes
    Then lead 1001 was dialed once
    When alice logs in to renewals
    Then the callback for lead 1001 is due for alice within 2 minutes

  # The same for anyone: nobody is ready, and the customer is dialed into nothing.
  Scenario: A callback for anyone waits until somebody is ready
    Given alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 10 minutes
    And alice pauses with pause code "LUNCH"
    When the dialer runs
    And 15 minutes pass
    Then lead 1001 was dialed once
    When alice becomes ready
    Then the callback for lead 1001 rings alice within 2 minutes

  # The floor's power fails, and with it everything that was promised.
  Scenario: A callback outlives a crash of the floor
    Given alice is talking to lead 1001
    And alice saves disposition "CALLBK" with a callback in 10 minutes for herself only
    When the floor crashes
    And the floor restarts
    And 5 minutes pass
    And alice reloads the tab
    And alice logs in to renewals
    And the dialer runs for 6 minutes
    Then the callback for lead 1001 is due for alice within 2 minutes

  # The CRM is told when the customer is to be called, and not only that.
  Scenario: The CRM learns of the callback
    Given a webhook receiver crm
    And renewals sends "callback.scheduled" to crm
    And alice is talking to lead 1001
    When alice saves disposition "CALLBK" with a callback in 2 hours
    Then crm got 1 delivery of "callback.scheduled" for lead 1001 within 10 seconds
    And lead 1001 has status "CBHOLD"
