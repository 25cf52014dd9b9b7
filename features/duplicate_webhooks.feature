Feature: Duplicate webhooks
  Whoever retries sends twice. A receiver that counts each delivery counts money twice; one that knows an event by its id, or
  a call by its number, doesn't.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"

  Rule: The sample CRM counts once

    Background:
      Given a webhook receiver crm

    # Defects 73 and 75 (sendgrid/docs#2933, open-saas#688): the work is done, the 200 is lost, and the retry does it again.
    Scenario Outline: A reply that is lost makes the <preset> sender send again, and one sale
      Given renewals sends "disposition.saved" to crm by the "<preset>" sender
      And alice is talking to lead 1001
      And the reply to the next delivery is lost
      When alice saves disposition "SALE"
      And alice logs out
      Then crm got at least 2 deliveries of "disposition.saved" for lead 1001 within 1 day
      And crm recorded 1 sale for lead 1001
      And both deliveries carry the same id

      Examples:
        | preset       |
        | standard     |
        | standard-v1a |
        | svix         |
        | stripe       |
        | shopify      |
        | didww        |
        | dialpad      |
        | twilio       |

    # The others try once and no more: nothing doubles, and nothing would come again either.
    Scenario Outline: The <preset> sender doesn't send again when a reply is lost
      Given renewals sends "disposition.saved" to crm by the "<preset>" sender
      And alice is talking to lead 1001
      And the reply to the next delivery is lost
      When alice saves disposition "SALE"
      Then crm got 1 delivery of "disposition.saved" for lead 1001 within 1 hour
      And crm recorded 1 sale for lead 1001

      Examples:
        | preset         |
        | vicidial-dispo |
        | github         |

    # wget, behind VICIdial's Add Lead URL, asks again when the connection breaks, and neither request has an id.
    Scenario: The Add Lead URL is called again when a reply is lost
      Given renewals sends "lead.added" to crm
      And the reply to the next delivery is lost
      When the CRM calls the Non-Agent API function "add_lead" with:
        | parameter    | value       |
        | phone_number | 15557654321 |
        | list_id      | 101         |
      Then crm got 2 deliveries of "lead.added" within 1 hour

    # Defect 76 (stellarBank#39): concurrent copies both pass the check.
    Scenario: Two copies at the same instant are one sale
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And alice is talking to lead 1001
      And the next delivery arrives twice at once
      When alice saves disposition "SALE"
      Then crm got 2 deliveries of "disposition.saved" for lead 1001 within 1 minute
      And both deliveries carry the same id
      And crm recorded 1 sale for lead 1001

    # Defects 77 and 78 (mirakl-hyperwallet#35): a late retry overwrites the newer status.
    Scenario: A late delivery doesn't overwrite a newer status
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And alice is talking to lead 1001
      And the next delivery is held back until the one after it has arrived
      When alice saves disposition "CALLBK" with a callback in 1 minute for herself only
      And 1 minute passes
      And alice pauses
      And alice dials lead 1001 by hand
      And 10 seconds pass
      And alice saves disposition "SALE"
      Then crm got at least 2 deliveries of "disposition.saved" for lead 1001 within 1 hour
      And crm's record of lead 1001 says "SALE" within 1 minute
      And crm recorded 1 sale for lead 1001

    # Defect 77 again, by the schedule's own doing: the older event's third attempt comes five minutes after the newer event.
    Scenario: A late retry doesn't overwrite a newer status
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And crm answers 500 to the next 2 deliveries
      And alice is talking to lead 1001
      When alice saves disposition "CALLBK" with a callback in 1 hour for herself only
      And 10 seconds pass
      And alice pauses
      And alice dials lead 1001 by hand
      And 10 seconds pass
      And alice saves disposition "SALE"
      Then crm's record of lead 1001 says "SALE" within 10 seconds
      And crm got 4 deliveries of "disposition.saved" for lead 1001 within 10 minutes
      And crm's record of lead 1001 says "SALE"
      And crm recorded 1 sale for lead 1001

    # Two events tell of one sale; each is new, and the sale isn't.
    Scenario: A sale that two events tell of is one sale
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And renewals sends "sale.closed" to crm by the "standard" sender
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      Then crm got 2 deliveries for lead 1001 within 1 minute
      And crm recorded 1 sale for lead 1001

    # VICIdial has no id: the CRM must know the call by its number.
    Scenario: Without an id a call is known by its number
      Given renewals sends "disposition.saved" to crm
      And alice is talking to lead 1001
      And the next delivery arrives twice at once
      When alice saves disposition "SALE"
      Then crm got 2 deliveries of "disposition.saved" for lead 1001 within 1 minute
      And crm recorded 1 sale for lead 1001

  Rule: The naive CRM counts what it gets

    Background:
      Given a webhook receiver crm that counts every delivery as new

    # What the sample CRM is for: the same lost reply, and the same sale is counted twice.
    @breaks:effects_exactly_once
    Scenario: A lost reply is a second sale
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And alice is talking to lead 1001
      And the reply to the next delivery is lost
      When alice saves disposition "SALE"
      Then crm recorded 2 sales for lead 1001 within 1 hour

    # The same with two copies at once.
    @breaks:effects_exactly_once
    Scenario: Two copies are two sales
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And alice is talking to lead 1001
      And the next delivery arrives twice at once
      When alice saves disposition "SALE"
      Then crm recorded 2 sales for lead 1001 within 1 minute

    # A slow handler: each attempt beyond the sender's patience is a sale.
    @breaks:effects_exactly_once
    Scenario: A slow receiver sells more
      Given renewals sends "disposition.saved" to crm by the "standard" sender
      And crm takes 40 seconds to answer
      And alice is talking to lead 1001
      When alice saves disposition "SALE"
      And 10 minutes pass
      Then crm recorded 3 sales for lead 1001
