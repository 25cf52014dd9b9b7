Feature: The Non-Agent API
  What a CRM asks of the floor by HTTP, with VICIdial's parameters and lines. A request whose answer is lost is sent again: what
  that does is the difference between the two profiles.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Rule: In the vicidial profile

    Background:
      Given a contact center with the "vicidial" profile
      And a campaign renewals
      And agent alice with a hardphone

    # A lead that was acknowledged and isn't there.
    Scenario: A lead is added and dialed
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter     | value       |
        | phone_number  | 15557654321 |
        | list_id       | 101         |
        | first_name    | Zoe         |
        | add_to_hopper | Y           |
      Then the API answers "SUCCESS: add_lead LEAD HAS BEEN ADDED"
      And there is 1 lead with phone number "15557654321"

    # Defect 72: the answer is lost, the client tries again, and there are two leads: two calls to one customer.
    Scenario: A request that is repeated because its reply was lost makes two leads
      Given the reply to the next API call is lost
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
      Then the API does not answer
      When the CRM repeats the last API call
      Then the API answers "SUCCESS: add_lead LEAD HAS BEEN ADDED"
      And there are 2 leads with phone number "15557654321"

    # VICIdial's own remedy, which the client must ask for.
    Scenario: With duplicate_check a repeated request makes no second lead
      Given the reply to the next API call is lost
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter       | value       |
        | phone_number    | 15557654321 |
        | duplicate_check | DUPSYS      |
      And the CRM repeats the last API call
      Then the API answers "ERROR: add_lead DUPLICATE PHONE NUMBER IN SYSTEM"
      And there is 1 lead with phone number "15557654321"

    # A customer who asked never to be called is added again by the next import.
    Scenario: A number on the do-not-call list is refused
      Given a lead 1001 with phone number "15557654321"
      And lead 1001 is on the do-not-call list
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | dnc_check    | Y           |
      Then the API answers "ERROR: add_lead PHONE NUMBER IN DNC"
      And there is 1 lead with phone number "15557654321"

    # Errors with status 200: whoever looks at the status alone takes them for success.
    Scenario Outline: Bad parameters get the documented line: <case>
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value    |
        | phone_number | <number> |
      Then the API answers "ERROR: add_lead INVALID PHONE NUMBER LENGTH"

      Examples:
        | case      | number            |
        | too short | 12345             |
        | too long  | 12345678901234567 |

    # A status that is changed in the CRM, and never on the floor.
    Scenario: A lead is updated
      Given a lead 1001 with phone number "15551230001"
      When the CRM calls the Non-Agent API function "update_lead" with:
        | parameter | value |
        | lead_id   | 1001  |
        | status    | SALE  |
      Then the API answers "SUCCESS: update_lead LEAD HAS BEEN UPDATED"
      And lead 1001 has status "SALE"

    # What integrators poll all day: it must agree with what the agent's screen shows.
    Scenario: An agent's status is what her screen shows
      Given alice is ready in renewals
      When the CRM calls the Non-Agent API function "agent_status" with:
        | parameter  | value |
        | agent_user | alice |
        | stage      | csv   |
        | header     | NO    |
      Then the API answers "READY,"
      And alice's agent screen shows "READY"

    # An agent who isn't there is an error line, and no empty one.
    Scenario: Nobody's status is an error
      When the CRM calls the Non-Agent API function "agent_status" with:
        | parameter  | value |
        | agent_user | alice |
      Then the API answers "ERROR: agent_status AGENT NOT LOGGED IN"

    # Passwords are guessed by the thousand.
    Scenario: Ten wrong passwords lock the user out for a while
      When the CRM calls the Non-Agent API function "agent_status" with:
        | parameter  | value |
        | agent_user | alice |
        | pass       | wrong |
      Then the API answers "ERROR: Login incorrect, please try again"
      When the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM repeats the last API call
      And the CRM calls the Non-Agent API function "agent_status" with:
        | parameter  | value |
        | agent_user | alice |
      Then the API answers "ERROR: Too many login attempts, try again in 15 minutes"
      When 15 minutes pass
      And the CRM repeats the last API call
      Then the API answers "ERROR: agent_status AGENT NOT LOGGED IN"

    # No password is asked for to learn who answers.
    Scenario: The version is told to anybody
      When the CRM calls the Non-Agent API function "version"
      Then the API answers "VERSION: "

    # A lead's own status, as pollers ask for it.
    Scenario: A field of a lead can be asked for
      Given a lead 1001 with phone number "15551230001"
      When the CRM calls the Non-Agent API function "lead_field_info" with:
        | parameter  | value  |
        | lead_id    | 1001   |
        | field_name | status |
      Then the API answers "NEW"

    # The other way round: the floor tells the CRM of the leads that others have added.
    Scenario: An added lead is told to the CRM
      Given a webhook receiver crm
      And renewals sends "lead.added" to crm
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | list_id      | 101         |
      Then crm got 1 delivery of "lead.added" within 1 minute

  Rule: In the modern profile requests are idempotent

    # The same lost reply, and one lead.
    Scenario: A request that is repeated because its reply was lost makes one lead
      Given a contact center with the "modern" profile
      And a campaign renewals
      And the reply to the next API call is lost
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
      And the CRM repeats the last API call
      Then the API answers "SUCCESS: add_lead LEAD HAS BEEN ADDED"
      And there is 1 lead with phone number "15557654321"
