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

    # A client that asks for everything and gets a line that's shifted by a field.
    Scenario: A lead is read whole, and found by its number
      Given a lead 1001 with phone number "15551230001"
      When the CRM calls the Non-Agent API function "lead_all_info" with:
        | parameter | value |
        | lead_id   | 1001  |
        | header    | YES   |
      Then the API answers "status|user|vendor_lead_code|source_id|list_id|gmt_offset_now|phone_code|phone_number|"
      And the API answers "NEW|admin|||101|-5.00|1|15551230001|"
      When the CRM calls the Non-Agent API function "lead_search" with:
        | parameter    | value                   |
        | phone_number | 15551230001,15557654321 |
      Then the API answers "15551230001|1|1001"
      And the API answers "15557654321|0|"

    # The supervisor's dashboard counts heads by this.
    Scenario: Who is logged in is told with what she does
      When the CRM calls the Non-Agent API function "logged_in_agents"
      Then the API answers "ERROR: logged_in_agents NO LOGGED IN AGENTS"
      Given alice is ready in renewals
      When the CRM calls the Non-Agent API function "logged_in_agents" with:
        | parameter | value |
        | stage     | csv   |
        | header    | YES   |
      Then the API answers "user,campaign_id,session_id,status,lead_id,callerid,calls_today,full_name,user_group,user_level"
      And the API answers "alice,renewals,"

    # The figures that the client's invoice is made of: by day, and of the statuses that are asked for.
    Scenario: Calls are counted by status and day
      Given a lead 1001 with phone number "15551230001"
      And alice is talking to lead 1001
      And alice saves disposition "SALE"
      And 5 seconds pass
      When the CRM calls the Non-Agent API function "call_status_stats" with:
        | parameter | value    |
        | campaigns | renewals |
      Then the API answers "renewals|1|1|00-0,01-0,02-0,03-0,04-0,05-0,06-0,07-0,08-0,09-1,10-0"
      When the CRM calls the Non-Agent API function "call_dispo_report" with:
        | parameter        | value    |
        | campaigns        | renewals |
        | status_breakdown | 1        |
      Then the API answers "CAMPAIGN,TOTAL CALLS,SALE"
      And the API answers "renewals,1,1"
      When the CRM calls the Non-Agent API function "call_dispo_report" with:
        | parameter  | value      |
        | campaigns  | renewals   |
        | query_date | 2026-11-24 |
      Then the API answers "renewals,0"

    # Somebody new on the floor, who must be able to log in, once.
    Scenario: A user is added
      When the CRM calls the Non-Agent API function "add_user" with:
        | parameter        | value          |
        | agent_user       | 1000           |
        | agent_pass       | 9999           |
        | agent_user_level | 1              |
        | agent_full_name  | Testing Person |
        | agent_user_group | AGENTS         |
      Then the API answers "SUCCESS: add_user USER HAS BEEN ADDED"
      When the CRM repeats the last API call
      Then the API answers "ERROR: add_user USER ALREADY EXISTS"

    # A promise that was made elsewhere: the floor keeps it, and can say so.
    Scenario: A lead that is added with a callback is called back
      Given alice is ready in renewals
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter         | value               |
        | phone_number      | 15557654321         |
        | list_id           | 101                 |
        | campaign_id       | renewals            |
        | callback          | Y                   |
        | callback_datetime | 2026-11-23 09:10:00 |
      Then the API answers "NOTICE: add_lead SCHEDULED CALLBACK ADDED - "
      When the dialer runs for 8 minutes
      Then no leads have status "INCALL"
      And 1 lead has status "CBHOLD"
      When the dialer runs for 5 minutes
      Then alice is "INCALL"

    # An import whose numbers are known as somebody's second line: DUPSYS doesn't see them.
    Scenario: A duplicate is found by the other number
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | alt_phone    | 15557654322 |
      And the CRM calls the Non-Agent API function "add_lead" with:
        | parameter       | value                 |
        | phone_number    | 15557654322           |
        | duplicate_check | DUPSYS-DUPPHONEALTSYS |
      Then the API answers "ERROR: add_lead DUPLICATE PHONE NUMBER IN SYSTEM - 15557654322|999|"
      And there are no leads with phone number "15557654322"

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
