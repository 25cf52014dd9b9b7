Feature: Inbound calls
  Customers call a number and wait for an agent: in the order in which they came, and no longer than was promised.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign support
    And an inbound line "8005550100" that rings campaign support
    And agents alice and bob with hardphones

  # A caller who is answered by nobody although somebody is free.
  Scenario: A caller talks to an agent who waits
    Given alice is ready in support
    When the customer at "15551230009" calls "8005550100"
    Then alice is "INCALL" within 5 seconds
    And alice and the customer at "15551230009" hear each other within 5 seconds
    When alice saves disposition "SALE"
    Then the call has ended for everybody within 5 seconds

  # The queue that serves the last caller first.
  Scenario: Callers are served in the order in which they came
    Given every agent is ready in support
    And every agent pauses
    When the customer at "15551230001" calls "8005550100"
    And 5 seconds pass
    And the customer at "15551230002" calls "8005550100"
    Then 2 customers wait for support within 5 seconds
    When alice becomes ready
    Then alice and the customer at "15551230001" hear each other within 5 seconds
    And 1 customer waits for support

  # Defect 64: the caller has hung up, and the agent is given a dead call.
  Scenario: A caller who gives up isn't given to anybody
    Given alice is ready in support
    And alice pauses
    And the customer at "15551230009" calls "8005550100"
    And 10 seconds pass
    When the customer at "15551230009" hangs up
    Then no customers wait for support within 2 seconds
    When alice becomes ready
    And 10 seconds pass
    Then alice is in no call

  # A caller who was promised a minute waits for an hour.
  Scenario: Whoever waits too long goes elsewhere
    Given callers to "8005550100" wait at most 60 seconds and then go to "8005550199"
    And alice is ready in support
    And alice pauses
    When the customer at "15551230009" calls "8005550100"
    And 50 seconds pass
    Then 1 customer waits for support
    And no customers wait for support within 20 seconds
    And the customer at "15551230009" hears the customer at "8005550199" within 10 seconds

  # Defect 63: an agent who was rung and didn't pick up stays reserved. Here: who is in a call is given no second one.
  Scenario: A second caller doesn't break into the first one's call
    Given alice is ready in support
    And the customer at "15551230001" calls "8005550100"
    And 5 seconds pass
    When the customer at "15551230002" calls "8005550100"
    Then 1 customer waits for support within 5 seconds
    And alice does not hear the customer at "15551230002"

  # The agent asks for a name that the CRM has known since the phone rang.
  Scenario: A caller is told to the CRM as a call that has started
    Given a webhook receiver crm
    And support sends "call.started" to crm
    And alice is ready in support
    When the customer at "15551230009" calls "8005550100"
    Then crm got 1 delivery of "call.started" within 10 seconds
