Feature: Data channel
  Two browsers can talk to each other without anybody between them, once they have found each other: the third use of
  WebRTC, beside the calls out and in.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with webphones

  # A handshake in which both sides wait for the other: SCTP begins, DTLS doesn't.
  Scenario: Two browsers exchange messages
    When alice opens a data channel to bob
    Then alice and bob exchange messages over a data channel

  # A role that only works one way round (RFC 8832: even ids for the DTLS client).
  Scenario: Either side may begin
    When bob opens a data channel to alice
    Then bob and alice exchange messages over a data channel

  # Candidates that are never exchanged, or checked one way only.
  Scenario Outline: Behind a <one> and a <other> NAT
    Given alice works behind a <one> NAT
    And bob works behind a <other> NAT
    When alice opens a data channel to bob
    Then alice and bob exchange messages over a data channel within 15 seconds

    Examples:
      | one             | other           |
      | full-cone       | full-cone       |
      | restricted      | port-restricted |
      | port-restricted | symmetric       |
      | symmetric       | symmetric       |

  # What can't work mustn't look as if it did: no port of a symmetric NAT can be guessed.
  Scenario: Two symmetric NATs and no relay
    Given there is no TURN server
    And alice works behind a symmetric NAT
    And bob works behind a symmetric NAT
    When alice opens a data channel to bob
    Then alice and bob exchange no messages over a data channel within 20 seconds

  # A message that is sent once and lost: SCTP repeats it, or the channel is worth nothing.
  Scenario: Messages survive a bad network
    Given the network between alice and bob loses 20% of packets
    When alice opens a data channel to bob
    Then alice and bob exchange messages over a data channel within 60 seconds

  # Whoever closes the browser is gone; a channel that still takes messages lies.
  Scenario: A browser that is killed answers no more
    Given alice opens a data channel to bob
    And 5 seconds pass
    When bob's browser is killed
    Then alice and bob exchange no messages over a data channel within 10 seconds

  # One browser, two pages: the call and the channel are each other's neighbours, not each other's end.
  Scenario: A channel beside a call
    Given every agent's phone registers
    And alice calls bob
    And bob answers
    When alice opens a data channel to bob
    Then alice and bob exchange messages over a data channel
    And alice and bob hear each other within 3 seconds
