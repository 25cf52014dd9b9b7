Feature: Webhook security
  Whoever knows a receiver's address can post to it. A signature says who wrote it, a timestamp when; both are of the raw
  bytes.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given a contact center with the "modern" profile
    And a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm
    And crm verifies signatures
    And renewals sends "disposition.saved" to crm

  # workos-node#1578: a body that is read and written again before it is verified, and every delivery is rejected.
  Scenario: What the sender has signed is accepted
    Given alice is talking to lead 1001
    When alice saves disposition "SALE"
    Then crm accepted 1 delivery within 10 seconds
    And crm rejected no deliveries
    And crm recorded 1 sale for lead 1001 within 10 seconds

  # Anybody can make a sale.
  Scenario: A forged event has no effect
    When a stranger posts a forged "disposition.saved" to crm
    Then crm rejected 1 delivery within 5 seconds
    And crm accepted no deliveries
    And crm recorded no sales for lead 1001 within 1 minute

  # A signature that is checked for its form alone.
  Scenario: A changed body has no effect
    Given alice is talking to lead 1001
    And alice saves disposition "NI"
    And 5 seconds pass
    When a stranger posts the last delivery with a changed body
    Then crm rejected 1 delivery within 5 seconds
    And crm's record of lead 1001 says "NI"
    And crm recorded no sales for lead 1001

  # Defect 80 (flipper#1022): a timestamp that nobody looks at can be replayed for ever.
  Scenario: A replay after ten minutes is rejected
    Given alice is talking to lead 1001
    And alice saves disposition "SALE"
    When the last delivery is sent again after 10 minutes
    Then crm rejected 1 delivery within 5 seconds
    And crm recorded 1 sale for lead 1001

  # Within the tolerance the signature is good: only the id tells.
  Scenario: A replay after a minute is known by its id
    Given alice is talking to lead 1001
    And alice saves disposition "SALE"
    When the last delivery is sent again after 1 minute
    Then crm got 2 deliveries of "disposition.saved" for lead 1001
    And both deliveries carry the same id
    And crm rejected no deliveries
    And crm recorded 1 sale for lead 1001

  # Defect 80 (stripe-dotnet#1183, formsg#47): a clock that is off rejects what is good.
  Scenario Outline: A floor whose clock is ten minutes <off> is not believed until it's right
    Given the floor's clock is 10 minutes <off>
    And alice is talking to lead 1001
    When alice saves disposition "SALE"
    Then crm rejected at least 1 delivery within 10 seconds
    And crm recorded no sales for lead 1001 within 1 minute

    Examples:
      | off    |
      | ahead  |
      | behind |

  # The same clock in the other machine's cellar: what's rejected is tried again, and believed when the clock is right.
  Scenario Outline: A CRM whose clock is ten minutes <off> believes nothing until it's right
    Given crm's clock is 10 minutes <off>
    And alice is talking to lead 1001
    When alice saves disposition "SALE"
    Then crm rejected at least 1 delivery within 10 seconds
    And crm recorded no sales for lead 1001 within 1 minute
    When crm's clock is 0 seconds <off>
    And alice logs out
    Then crm recorded 1 sale for lead 1001 within 1 hour
    And no event is lost within 1 hour

    Examples:
      | off    |
      | ahead  |
      | behind |

  # A signature that is written once and kept for the retries: the receiver knows the new secret by then.
  Scenario: A secret that is rotated between two attempts signs the next one
    Given crm answers 500 to the next 2 deliveries
    And alice is talking to lead 1001
    When alice saves disposition "SALE"
    And 10 seconds pass
    And the sender's secret is rotated
    And crm learns the new secret
    And alice logs out
    Then crm accepted 1 delivery within 10 minutes
    And crm rejected no deliveries
    And crm recorded 1 sale for lead 1001

  # A receiver that could sign what it believes: with a key pair it has the public half alone, and a thief of it nothing.
  Scenario: A sender with a key pair is believed by its public half
    Given renewals sends "disposition.saved" to crm by the "standard-v1a" sender
    And alice is talking to lead 1001
    When alice saves disposition "NI"
    Then crm accepted 1 delivery within 10 seconds
    When a stranger posts a forged "disposition.saved" to crm
    And a stranger posts the last delivery with a changed body
    And the last delivery is sent again after 10 minutes
    Then crm accepted 1 delivery
    And crm rejected 3 deliveries
    And crm recorded no sales for lead 1001

  # A secret that is changed at night, and every delivery of the morning is rejected.
  Scenario: A secret that is rotated works until the receiver has learned the new one
    Given alice is talking to lead 1001
    When the sender's secret is rotated
    And alice saves disposition "SALE"
    Then crm accepted 1 delivery within 10 seconds
    And crm rejected no deliveries
    When crm learns the new secret
    And alice logs out
    And 25 hours pass
    And alice logs in to renewals
    And alice becomes ready
    And the dialer calls lead 1001
    And 10 seconds pass
    And alice saves disposition "NI"
    Then crm accepted 2 deliveries within 10 seconds
    And crm rejected no deliveries

  # Who hasn't learned it in a day is locked out.
  Scenario: A receiver that has missed the rotation rejects what comes after the overlap
    When the sender's secret is rotated
    And 25 hours pass
    And alice's phone registers
    And alice logs in to renewals
    And alice becomes ready
    And the dialer calls lead 1001
    And 10 seconds pass
    And alice saves disposition "SALE"
    Then crm rejected at least 1 delivery within 10 seconds
    And crm recorded no sales for lead 1001
