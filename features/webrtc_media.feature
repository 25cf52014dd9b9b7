Feature: WebRTC media
  Between a browser and the server everything is encrypted, and heard as well as the network allows.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agents alice and bob with webphones
    And agent carol with a hardphone
    And every agent's phone registers

  Rule: Nobody else can listen

    # A gateway that falls back to plain RTP, or sends before the handshake is over.
    Scenario: A call between a webphone and a hardphone
      When alice calls carol
      And carol answers
      Then alice and carol hear each other within 3 seconds
      And media between alice and the server is encrypted

    # Two handshakes, two sets of keys: one that is used twice gives both calls away.
    Scenario: A call between two webphones
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds
      And media between alice and the server is encrypted
      And media between bob and the server is encrypted

    # Defect 58 (pjproject#2682): after a change the rollover counter begins anew, and packets are sent under old numbers.
    Scenario: A call with many changes
      Given alice calls carol
      And carol answers
      When alice puts the call on hold
      And alice takes the call off hold
      And carol puts the call on hold
      And carol takes the call off hold
      And alice transfers the call to bob
      And bob answers
      Then bob and carol hear each other within 3 seconds
      And media between alice and the server is encrypted
      And media between bob and the server is encrypted

    # The packet counter is 16 bits: after 22 minutes it begins anew, and the rollover counter must go on.
    Scenario: A call of half an hour
      Given alice calls carol
      And carol answers
      When 30 minutes pass
      Then alice and carol hear each other
      And media between alice and the server is encrypted

  Rule: The handshake survives the network

    # A flight of DTLS that is lost and never repeated: the call is answered, and silent for ever.
    Scenario Outline: A call is set up with <share> of packets lost
      Given the network between alice and the server loses <share> of packets
      When carol calls alice
      And alice answers
      Then alice hears carol within 60 seconds

      Examples:
        | share |
        | 10%   |
        | 30%   |

    # A fragment that is too large for the way, or a handshake that takes its own delay for loss.
    Scenario: A call is set up over a satellite
      Given alice is on "satellite"
      When carol calls alice
      And alice answers
      Then alice and carol hear each other within 10 seconds

  Rule: Audio is as good as the network

    # A score that is good whatever happens, or bad for no reason.
    Scenario: A clean network sounds as good as G.711 can
      Given alice calls carol
      And carol answers
      When 20 seconds pass
      Then the audio alice hears scores at least 4.3
      And the audio carol hears scores at least 4.3

    # Loss on the encrypted side that the other side never hears of.
    Scenario: Packets that are lost are missed, and the call goes on
      Given alice calls carol
      And carol answers
      When the network between alice and the server loses 5% of packets
      And 30 seconds pass
      Then alice and carol hear each other within 3 seconds
      And the audio alice hears scores at most 4.2

    # A replay window that drops what was only overtaken, or takes what came twice.
    Scenario Outline: A network that <does> 5% of packets
      Given the network between alice and the server <does> 5% of packets
      And alice calls carol
      And carol answers
      When 20 seconds pass
      Then alice and carol hear each other
      And the audio carol hears scores at least <score>

      Examples:
        | does       | score |
        | reorders   | 3.5   |
        | duplicates | 4.3   |
        | corrupts   | 3.0   |

  Rule: Audio that stops comes back, or the call ends

    # A state of "disconnected" that is taken for the end: it's over when ICE says failed (Part 5 of what was measured).
    Scenario: Audio that is away for ten seconds is no reason to hang up
      Given alice calls carol
      And carol answers
      And 2 seconds pass
      When audio between alice and the server is cut for 10 seconds
      Then alice and carol hear each other within 10 seconds

    # Consent that never runs out (RFC 7675): the server sends to a browser that's not there, for ever.
    Scenario: Audio that never comes back ends the call
      Given alice calls carol
      And carol answers
      And 2 seconds pass
      When audio between alice and the server is cut
      Then the call has ended for everybody within 45 seconds

    # Defect 48 (siphon-ai#402, freeswitch#1947): a watchdog of RTP kills a call that is only on hold.
    Scenario: A call may be on hold for ten minutes
      Given alice calls carol
      And carol answers
      When carol puts the call on hold
      And 10 minutes pass
      And carol takes the call off hold
      Then alice and carol hear each other within 3 seconds
