Feature: Webhooks
  A sender is a contract: how long it waits, what it takes for success, how often it tries again and when it gives up. The
  receiver is a real HTTP server that fails as real ones do.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a contact center with the "modern" profile
    And a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm

  Rule: What fails is tried again

    # Defect 83: a delivery that fails once is gone.
    Scenario Outline: A receiver that fails three times with <status> has it in the end
      Given renewals sends "disposition.saved" to crm
      And crm answers <status> to the next 3 deliveries
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And alice logs out
      Then crm got 4 deliveries of "disposition.saved" for lead 1001 within 1 hour
      And both deliveries carry the same id
      And crm recorded 1 sale for lead 1001
      And no event is lost within 2 hours

      Examples:
        | status |
        | 500    |
        | 503    |
        | 404    |
        | 302    |

    # Defect 81 (kamu-cli#1335): an answer that isn't 2xx is counted as success.
    Scenario: A maintenance page for three days is no success
      Given renewals sends "disposition.saved" to crm
      And crm goes down
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And alice logs out
      And 3 days pass
      And crm comes back
      Then crm recorded 1 sale for lead 1001 within 1 day
      And no event is lost within 1 day

    # A network that is cut between two data centers for an hour.
    Scenario: A cut network delays the webhook and loses nothing
      Given renewals sends "disposition.saved" to crm
      And alice is talking to lead 1001
      When the network between the floor and crm is cut
      And alice saves disposition "SALE"
      And alice logs out
      And 1 hour passes
      And the network between the floor and crm heals
      Then crm recorded 1 sale for lead 1001 within 6 hours
      And no event is lost within 6 hours

    # A slow handler: it does the work, and the sender takes it for a failure.
    Scenario: A receiver that is slower than the sender's patience gets it again
      Given renewals sends "disposition.saved" to crm
      And crm takes 40 seconds to answer
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      Then crm got at least 2 deliveries of "disposition.saved" for lead 1001 within 10 minutes
      When alice logs out
      And crm answers at once again
      Then no event is lost within 1 day
      And crm recorded 1 sale for lead 1001

    # Power fails in the CRM between its 200 and its commit: acknowledged, and lost.
    Scenario: A CRM that crashes keeps what it has acknowledged
      Given renewals sends "disposition.saved" to crm
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And 1 second passes
      And crm crashes
      And 10 seconds pass
      And crm restarts
      Then crm recorded 1 sale for lead 1001 within 1 hour

  Rule: What is given up is known to be given up

    # A contract that gives up and says nothing.
    Scenario Outline: The <preset> sender gives up on a receiver that stays down
      Given renewals sends "disposition.saved" to crm by the "<preset>" sender
      And crm goes down
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And alice logs out
      Then the sender gave up on crm within <time>

      Examples:
        | preset       | time       |
        | standard     | 4 days     |
        | standard-v1a | 4 days     |
        | svix         | 2 days     |
        | stripe       | 4 days     |
        | shopify      | 5 hours    |
        | github       | 1 minute   |
        | dialpad      | 1 minute   |
        | twilio       | 1 minute   |
        | didww        | 20 minutes |

    # Svix: five days of failures, and nothing is sent there any more.
    Scenario: An endpoint that fails for five days is disabled
      Given renewals sends "lead.added" to crm by the "svix" sender
      And crm goes down
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | list_id      | 101         |
      And 2 days pass
      And the CRM calls the Non-Agent API function "add_lead" with:
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
      Then the sender disabled crm within 1 day

  Rule: VICIdial's own senders keep VICIdial's contract

    # wget behind the No Agent Call URL: twenty tries on trouble with the connection, none on a status.
    Scenario: The dispo URL is called once, whatever comes of it
      Given renewals sends "disposition.saved" to crm by the "vicidial-dispo" sender
      And crm answers 500 to the next 1 delivery
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      Then crm got 1 delivery of "disposition.saved" for lead 1001 within 1 hour
      And crm recorded no sales for lead 1001
      And the sender gave up on crm

  Rule: Who knows first

    # What polling costs, and how late it is.
    Scenario: A webhook is there before a poller asks
      Given renewals sends "disposition.saved" to crm
      And a poller asks the Non-Agent API for lead 1001 every 5 seconds
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And 10 seconds pass
      Then the webhook told the CRM before the poller did
