Feature: Screen pops
  When a call starts the agent's screen opens the customer's record in the CRM. Once: an agent with four windows of one customer
  writes in the wrong one.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign renewals
    And agent alice with a hardphone
    And a webhook receiver crm
    And renewals opens the URL "http://crm/pop?phone=--A--phone_number--B--" when a call starts
    And a lead 1001 with phone number "15551230001"
    And a lead 1002 with phone number "15551230002"

  # A window for each poll that finds the call.
  Scenario: The customer's record opens once
    Given alice is talking to lead 1001
    When 10 seconds pass
    Then alice's agent screen opened "http://crm/pop?phone=15551230001" once

  # The record of the customer before.
  Scenario: The next call opens the next record
    Given alice is talking to lead 1001
    And alice saves disposition "NI"
    When the dialer calls lead 1002
    Then alice's agent screen opened "http://crm/pop?phone=15551230002" once within 5 seconds
    And alice's agent screen opened "http://crm/pop?phone=15551230001" once

  # A name with an ampersand that becomes a parameter of its own.
  Scenario: What is filled in is encoded
    Given renewals opens the URL "http://crm/pop?name=--A--first_name--B--" when a call starts
    And these leads:
      | lead_id | phone_number | first_name |
      | 1003    | 15551230003  | Ann & Joe  |
    And alice is ready in renewals
    When the dialer calls lead 1003
    Then alice's agent screen opened "http://crm/pop?name=Ann+%26+Joe" once within 5 seconds

  # A slow CRM that keeps the agent from her call.
  Scenario: A CRM that is down doesn't keep her from talking
    Given crm goes down
    And alice is talking to lead 1001
    When 5 seconds pass
    Then alice and the customer hear each other
    And alice's agent screen opened "http://crm/pop?phone=15551230001" once
