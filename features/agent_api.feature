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

  # VICIdial: "will logout after the live call is dispositioned". A logout at once leaves the customer in an empty room.
  Scenario: Who is logged out from the office in a call talks on, and goes then
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "logout" for alice with value "LOGOUT"
    Then the API answers "SUCCESS: logout function set"
    And alice and the customer hear each other within 5 seconds
    And alice is "INCALL"
    When alice saves disposition "NI"
    Then lead 1001 has status "NI" within 5 seconds
    And alice is logged out within 5 seconds

  # Dialed on top of what the dialer may give her in the same second.
  Scenario: An agent who is ready isn't made to dial
    Given alice is ready in renewals
    When the CRM calls the Agent API function "external_dial" for alice with:
      | parameter  | value       |
      | value      | 15551230001 |
      | phone_code | 1           |
      | search     | YES         |
      | preview    | NO          |
      | focus      | YES         |
    Then the API answers "ERROR: agent_user is not paused - alice"
    And lead 1001 was never dialed

  # What was agreed on the phone and written down in the CRM is what she reads when she calls back.
  Scenario: The CRM schedules the callback
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "external_status" for alice with:
      | parameter         | value               |
      | value             | CALLBK              |
      | callback_datetime | 2026-11-24 10:00:00 |
      | callback_type     | USERONLY            |
      | callback_comments | after the plumber   |
    Then lead 1001 has status "CBHOLD" within 5 seconds
    When the CRM calls the Non-Agent API function "lead_callback_info" with:
      | parameter | value |
      | lead_id   | 1001  |
    Then the API answers "1001|CURRENT|USERONLY|ACTIVE|CALLBK|2026-11-24 10:00:00|"

  # On hold the customer hears music and nobody; a button that forgets him leaves him there.
  Scenario: The CRM parks the customer and takes him back
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "park_call" for alice with value "PARK_CUSTOMER"
    And 3 seconds pass
    Then the customer hears nobody
    When the CRM calls the Agent API function "park_call" for alice with value "GRAB_CUSTOMER"
    Then alice and the customer hear each other within 5 seconds

  # A menu behind the customer's line: P is the pound sign, S the star, Q a second of silence.
  Scenario: The CRM types for her
    Given alice is talking to lead 1001
    When the CRM calls the Agent API function "send_dtmf" for alice with value "Q12PS"
    And 5 seconds pass
    Then the customer received the digits "12#*"

  # A transfer from the CRM that ends the customer's call.
  Scenario: The CRM gives the customer away
    Given the customer at "15551230009" answers after 2 seconds
    And alice is talking to lead 1001
    When the CRM calls the Agent API function "transfer_conference" for alice with:
      | parameter    | value          |
      | value        | BLIND_TRANSFER |
      | phone_number | 15551230009    |
    Then alice is "DISPO" within 5 seconds
    And the customer at "15551230001" hears the customer at "15551230009" within 10 seconds

  # A third on the line, and one button for both: whoever is forgotten talks on at the center's expense.
  Scenario: The CRM hangs up on both
    Given the customer at "15551230009" answers after 2 seconds
    And alice is talking to lead 1001
    When the CRM calls the Agent API function "transfer_conference" for alice with:
      | parameter    | value              |
      | value        | DIAL_WITH_CUSTOMER |
      | phone_number | 15551230009        |
    Then the customer at "15551230001" hears the customer at "15551230009" within 10 seconds
    When the CRM calls the Agent API function "transfer_conference" for alice with value "HANGUP_BOTH"
    Then alice is "DISPO" within 5 seconds
    And the call has ended for everybody within 10 seconds

  # A break without a reason that the payroll accepts: the code can be given afterwards, to who pauses and to nobody else.
  Scenario: A pause gets its code
    Given alice is ready in renewals
    When the CRM calls the Agent API function "pause_code" for alice with value "LUNCH"
    Then the API answers "ERROR: pause_code error - agent is not paused - alice"
    When the CRM calls the Agent API function "external_pause" for alice with value "PAUSE"
    And 3 seconds pass
    And the CRM calls the Agent API function "pause_code" for alice with value "LUNCH"
    Then the API answers "SUCCESS: pause_code function sent - alice"
    And alice is paused with pause code "LUNCH" within 3 seconds
