Feature: Audio
  What was said on one side is heard on the other, as well as the network allows, and by nobody else.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  Rule: The score says what the network did

    # A score that is good whatever happens, or bad for no reason.
    Scenario: A clean network sounds as good as G.711 can
      Given alice calls bob
      And bob answers
      When 20 seconds pass
      Then the audio alice hears scores at least 4.3
      And the audio bob hears scores at least 4.3

    # A jitter buffer that stops at the first gap; a score that doesn't see loss.
    Scenario: Packets that are lost are missed, and the call goes on
      Given the network between alice and the server loses 5% of packets
      And alice calls bob
      And bob answers
      When 30 seconds pass
      Then alice and bob hear each other within 3 seconds
      And the audio alice hears scores at most 4.2

    # Loss one way that is told of the wrong side.
    Scenario: Loss one way is heard one way
      Given the network from alice to the server loses 10% of packets
      And alice calls bob
      And bob answers
      When 30 seconds pass
      Then the audio bob hears scores at most 4.0
      And the audio alice hears scores at least 4.3

    # Concealment that can bridge single packets, but no burst.
    Scenario: Loss in bursts is worse than loss
      Given the network between alice and the server loses 5% of packets in bursts
      And alice calls bob
      And bob answers
      When 30 seconds pass
      Then alice and bob hear each other within 5 seconds
      And the audio alice hears scores at most 4.35

    # A jitter buffer that plays packets as they come.
    Scenario: Jitter is smoothed out
      Given the network between alice and the server has 40 ms latency and 15 ms jitter
      And alice calls bob
      And bob answers
      When 20 seconds pass
      Then alice and bob hear each other
      And the audio alice hears scores at least 4.0

    # A late packet that is taken for a lost one, or played out of its turn.
    Scenario: Packets that overtake each other are put in order
      Given the network between alice and the server reorders 5% of packets
      And alice calls bob
      And bob answers
      When 20 seconds pass
      Then alice and bob hear each other

    # A packet that is heard twice.
    Scenario: Packets that come twice are heard once
      Given the network between alice and the server duplicates 20% of packets
      And alice calls bob
      And bob answers
      When 20 seconds pass
      Then alice and bob hear each other
      And the audio alice hears scores at least 4.3

    # A line that is too thin for a call: 87 kbit per second are wanted each way.
    Scenario: A line that is too thin spoils the audio
      Given the network between alice and the server carries at most 64 kbit per second
      And alice calls bob
      And bob answers
      When 30 seconds pass
      Then the audio alice hears scores at most 3.5

  Rule: Audio that stops comes back

    # Defect 56 (rtpengine#1354): the relay sticks to the port that the NAT no longer has.
    Scenario: A NAT that forgets its bindings in a call costs a moment
      Given bob works behind a port-restricted NAT
      And bob's phone registers
      And alice calls bob
      And bob answers
      When bob's NAT forgets its bindings
      Then alice and bob hear each other within 5 seconds

    # Defect 55 (rvoip#50): the binding runs out in a call in which only the other side speaks.
    Scenario Outline: A call through a <kind> NAT is heard both ways
      Given bob works behind a <kind> NAT with a binding lifetime of 30 seconds
      And bob's phone registers
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds
      When 5 minutes pass
      Then alice and bob hear each other

      Examples:
        | kind            |
        | full-cone       |
        | restricted      |
        | port-restricted |
        | symmetric       |

    # One-way audio that nobody sees: a call that looks as it should.
    Scenario: Audio is cut one way
      Given alice calls bob
      And bob answers
      When audio from alice to the server is cut
      Then bob does not hear alice
      And alice hears bob
      When the network between alice and the server heals
      Then alice and bob hear each other within 3 seconds

    # Defect 48's cousin: a timeout that is too eager.
    Scenario: Audio that is away for ten seconds is no reason to hang up
      Given alice calls bob
      And bob answers
      When audio between alice and the server is cut for 10 seconds
      Then alice and bob hear each other within 3 seconds

    # A call in which nothing is heard any more, and which nobody ends.
    Scenario: Audio that never comes back ends the call
      Given alice calls bob
      And bob answers
      When audio between alice and the server is cut
      Then bob is in no call within 2 minutes

    # Defect 57 (rtpengine#765): after a re-INVITE the audio stays away.
    Scenario: Audio survives hold and resume many times
      Given alice calls bob
      And bob answers
      When alice puts the call on hold
      And alice takes the call off hold
      And bob puts the call on hold
      And bob takes the call off hold
      And alice puts the call on hold
      And alice takes the call off hold
      Then alice and bob hear each other within 3 seconds

    # A relay that goes on after the end.
    Scenario: After the end nobody is heard
      Given alice calls bob
      And bob answers
      When bob hangs up
      Then alice hears nobody
      And bob hears nobody
