# The dialer calls a lead, the agent saves what became of it, and a webhook tells the CRM. `crm` is a receiver that counts
# each event once; one of your own is put in its place from Rust.
Feature: A sale told twice

  Background:
    Given a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"

  # The CRM has done the work, its answer is lost, and the sender sends again: as every sender does that retries.
  Scenario: A reply that is lost is no second sale
    Given a webhook receiver crm
    And renewals sends "disposition.saved" to crm by the "standard" sender
    And alice is talking to lead 1001
    And the reply to the next delivery is lost
    When alice saves disposition "SALE"
    Then crm got 2 deliveries of "disposition.saved" for lead 1001 within 1 hour
    And both deliveries carry the same id
    And crm recorded 1 sale for lead 1001

  # Beyond what a scenario checks, named rules are watched in each. This receiver breaks one, and the scenario passes only
  # because it says so: take the tag away, and see what a failure looks like.
  @breaks:effects_exactly_once
  Scenario: A CRM that counts every delivery counts the sale twice
    Given a webhook receiver crm that counts every delivery as new
    And renewals sends "disposition.saved" to crm by the "standard" sender
    And alice is talking to lead 1001
    And the reply to the next delivery is lost
    When alice saves disposition "SALE"
    Then crm got 2 deliveries of "disposition.saved" for lead 1001 within 1 hour
    And crm recorded 2 sales for lead 1001 within 1 hour
