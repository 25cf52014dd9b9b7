Feature: Digits
  What is typed on one phone arrives on the other: all of it, in order, once.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  # Digits that are sent as sound, or not at all.
  Scenario: Digits reach an agent
    Given alice calls bob
    And bob answers
    When alice sends the digits "0123456789*#"
    Then bob received the digits "0123456789*#" within 2 seconds

  # A trunk that passes audio and no events.
  Scenario: Digits reach the customer
    Given alice calls "15551230001"
    When 5 seconds pass
    And alice sends the digits "1234"
    Then the customer received the digits "1234" within 2 seconds

  # Defect 61 (rtpengine#1929, pjproject#363): the same digit again is taken for a repetition, or the other way round.
  Scenario: The same digit twice is two digits
    Given alice calls bob
    And bob answers
    When alice sends the digits "1122"
    And alice sends the digits "2"
    Then bob received the digits "11222" within 2 seconds

  # Defect 61 again, livekit/sip#585: a packet that is lost or repeated makes a digit too few or too many.
  Scenario Outline: Digits survive a network that <fault>
    Given the network between alice and the server <fault>
    And alice calls bob
    And bob answers
    When alice sends the digits "15551230001"
    Then bob received the digits "15551230001" within 3 seconds

    Examples:
      | fault                                |
      | loses 5% of packets                  |
      | duplicates 30% of packets            |
      | reorders 10% of packets              |
      | has 40 ms latency and 20 ms jitter   |

  # Digits that end the audio, or that the other side hears as a voice.
  Scenario: After the digits the voice is heard again
    Given alice calls bob
    And bob answers
    When alice sends the digits "99"
    Then alice and bob hear each other within 3 seconds

  # A codec that is agreed on the one leg and not on the other.
  Scenario: Digits cross a trunk that speaks another codec
    Given the carrier speaks only "PCMA"
    And alice calls "15551230001"
    When 5 seconds pass
    And alice sends the digits "42"
    Then the customer received the digits "42" within 2 seconds

  # Digits of the one call that show up in the next.
  Scenario: A new call begins without digits
    Given alice calls bob
    And bob answers
    And alice sends the digits "12"
    And alice hangs up
    When alice calls bob
    And bob answers
    And alice sends the digits "34"
    Then bob received the digits "34" within 2 seconds
