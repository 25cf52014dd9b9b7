Feature: Partitions
  A network that is cut, a server that crashes: calls that can survive do, calls that can't are ended on both sides, and
  afterwards all is as it was.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  Rule: A short cut costs a moment

    # A phone or a server that ends a call for a few seconds of silence.
    Scenario: A call survives a cut of ten seconds
      Given alice calls bob
      And bob answers
      When the network between alice and the server is cut for 10 seconds
      Then alice and bob hear each other within 3 seconds

    # A cut one way in which the keepalives of the other way deceive everybody.
    Scenario Outline: A call survives a cut <way> of ten seconds
      Given alice calls bob
      And bob answers
      When the network <way> is cut for 10 seconds
      Then alice and bob hear each other within 3 seconds

      Examples:
        | way                      |
        | from alice to the server |
        | from the server to alice |

    # A call that is begun while the network is away for a moment.
    Scenario: A caller waits for the network
      When the network between bob and the server is cut
      And alice calls bob
      And the network between bob and the server heals
      Then bob's phone rings within 5 seconds
      When bob answers
      Then alice and bob hear each other within 3 seconds

  Rule: A long cut ends what it parted

    # Defect 23 (kamailio#4404): who is left over is told nothing.
    Scenario: A cut that lasts frees the other side
      Given alice calls bob
      And bob answers
      When the network between alice and the server is cut
      Then bob is in no call within 2 minutes
      And alice is in no call within 3 minutes

    # Defect 35 (siphon-ai#324): a BYE into the void leaves a leg that lives on.
    Scenario: Hanging up across a cut
      Given alice calls bob
      And bob answers
      When the network between bob and the server is cut
      And alice hangs up
      Then alice is in no call within 35 seconds
      And bob is in no call within 3 minutes
      And the server recorded 1 answered call

    # Everything must be back when the network is: calls, registrations, audio.
    Scenario: After a long cut alice can call again
      Given registrations last 60 seconds
      And alice calls bob
      And bob answers
      When the network between alice and the server is cut for 4 minutes
      Then alice's phone is registered within 3 minutes
      And bob is in no call
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds

    # A callee who can't be reached is no reason to let the caller wait for ever.
    Scenario: Calling somebody behind a cut
      When the network between bob and the server is cut
      And alice calls bob
      Then alice is in no call within 70 seconds

  Rule: A server that crashes leaves no ghosts

    # A phone that shows a call that no longer exists.
    Scenario: A crash of the server ends its calls
      Given alice calls bob
      And bob answers
      When the server crashes
      And the server restarts
      Then alice is in no call within 2 minutes
      And bob is in no call within 2 minutes

    # A restart after which the server knows neither phones nor passwords.
    Scenario: After a crash all can call again
      When the server crashes
      And 30 seconds pass
      And the server restarts
      And alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds

    # A caller whose call is answered by a server that knows nothing of it.
    Scenario: A crash while it rings
      Given alice calls bob
      And bob's phone rings
      When the server crashes
      And the server restarts
      Then bob's phone does not ring within 2 minutes
      And alice is in no call within 2 minutes

    # Nobody can call through the second server what registered with the first.
    Scenario: The second server carries the calls of the first
      Given a second SIP server that takes over when the first is down
      And registrations last 60 seconds
      And every agent's phone registers
      When the first server crashes
      Then the second server has 1 contact for alice within 2 minutes
      And the second server has 1 contact for bob within 2 minutes
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds

  Rule: A bad network is no partition

    # Retransmissions that are taken for new requests: two calls, two contacts.
    Scenario Outline: A call is made over a network that <fault>
      Given every network <fault>
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 10 seconds
      When alice hangs up
      Then the call has ended for everybody within 32 seconds

      Examples:
        | fault                                |
        | loses 10% of packets                 |
        | duplicates 20% of packets            |
        | reorders 10% of packets              |
        | corrupts 5% of packets               |
        | has 150 ms latency and 20 ms jitter  |

    # A home office: what a vendor's network does all day.
    Scenario Outline: A call is made from "<network>"
      Given alice is on "<network>"
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 5 seconds
      When alice hangs up
      Then the call has ended for everybody within 10 seconds

      Examples:
        | network    |
        | home wifi  |
        | hotel wifi |
        | 4G         |
        | satellite  |
