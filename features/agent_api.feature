Feature: The Agent API
  What a CRM wants of an agent's screen is written down by the server and carried out by the screen after its next poll. SUCCESS
  says that it's written down, and no more.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"

  # A CRM's button that does nothing.
  Scenario: The CRM hangs up, and the screen does it
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "external_hangup" for alice with value "1"
    Then the API answers "SUCCESS: external_hangup"
    And alice is "DISPO" within 3 seconds
    And the call has ended for everybody within 10 seconds

  # VICIdial: SUCCESS from a dead tab. The CRM believes that the call is over, and the customer is still in the room.
  Scenario: SUCCESS from a dead tab changes nothing
    Given alice is talking to lead 1001
    And alice's laptop sleeps
    When the CRM calls the Agent API function "external_hangup" for alice with value "1"
    Then the API answers "SUCCESS: external_hangup"
    And alice and the customer hear each other within 5 seconds

  # What a modern floor says instead.
  Scenario: A modern floor says that the screen is gone
    Given a contact center with the "modern" profile
    And alice is talking to lead 1001
    And alice's laptop sleeps
    And 10 seconds pass
    When the CRM calls the Agent API function "external_hangup" for alice with value "1"
    Then the API answers "ERROR: agent_user screen is not responding - alice"

  # The documented order: pause, hangup, status. In another one the agent gets a call in between.
  Scenario: The CRM closes a call by the book
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "external_pause" for alice with value "PAUSE"
    And 2 seconds pass
    And the CRM calls the Agent API function "external_hangup" for alice with value "1"
    And 2 seconds pass
    And the CRM calls the Agent API function "external_status" for alice with value "SALE"
    Then lead 1001 has status "SALE" within 5 seconds
    And alice is "PAUSED" within 5 seconds

  # Click to call.
  Scenario: The CRM has her dial
    Given alice is ready in renewals
    And alice pauses
    When the CRM calls the Agent API function "external_dial" for alice with:
      | parameter  | value       |
      | value      | 15551230001 |
      | phone_code | 1           |
      | search     | YES         |
      | preview    | NO          |
      | focus      | YES         |
    Then the API answers "SUCCESS: external_dial"
    And alice is "INCALL" within 10 seconds
    And lead 1001 was dialed once

  # A break that is forced by the supervisor's dashboard.
  Scenario: The CRM pauses her and lets her go on
    Given alice is ready in renewals
    When the CRM calls the Agent API function "external_pause" for alice with value "PAUSE"
    Then alice is "PAUSED" within 3 seconds
    When the CRM calls the Agent API function "external_pause" for alice with value "RESUME"
    Then alice is "READY" within 3 seconds

  # Somebody who has gone home is logged out from the office.
  Scenario: The CRM logs her out
    Given alice is ready in renewals
    When the CRM calls the Agent API function "logout" for alice with value "LOGOUT"
    Then alice is logged out within 5 seconds

  # Nobody is there to do it.
  Scenario: Nothing is wanted of an agent who isn't logged in
    When the CRM calls the Agent API function "external_pause" for alice with value "PAUSE"
    Then the API answers "ERROR: agent_user is not logged in - alice"
