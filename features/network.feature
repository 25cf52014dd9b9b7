Feature: The network
  What the wire between machines does to their packets. Each fault shows what it does, and that it was really hit.

  Rule: A network without faults is an office LAN

    Scenario: Every datagram arrives, once
      Given machines a and b
      When a sends 1000 datagrams to b
      Then b received all of them
      And no packets were lost between a and b
      And no packets were duplicated between a and b
      And no packets were reordered between a and b

    Scenario: A page is fetched
      Given machines a and b
      When a fetches "/hello" from b
      Then a got status 200

    Scenario: A page that isn't there
      Given machines a and b
      When a fetches "/missing" from b
      Then a got status 404

  Rule: Random faults hit their share of packets

    Scenario: Packets are lost
      Given machines a and b
      And the network between a and b loses 5% of packets
      When a sends 1000 datagrams to b
      Then b received between 910 and 990 of them
      And at least 1 packet was lost between a and b

    Scenario: Packets are lost one way only
      Given machines a and b
      And the network from a to b loses 50% of packets
      When a sends 1000 datagrams to b
      Then b received between 400 and 600 of them
      When b sends 1000 datagrams to a
      Then a received all of them

    Scenario: Faults on one link add up
      Given machines a and b
      And the network between a and b loses 50% of packets
      And every network loses 50% of packets
      When a sends 1000 datagrams to b
      Then b received between 170 and 330 of them

    Scenario: Packets are duplicated
      Given machines a and b
      And the network between a and b duplicates 2% of packets
      When a sends 1000 datagrams to b
      Then b received between 1001 and 1060 of them
      And at least 1 packet was duplicated between a and b

    Scenario: Packets are reordered
      Given machines a and b
      And the network between a and b reorders 2% of packets
      When a sends 1000 datagrams to b
      Then b received all of them
      And at least 1 packet was reordered between a and b

    Scenario: Packets are corrupted, and their checksums give them away
      Given machines a and b
      And the network between a and b corrupts 1% of packets
      When a sends 1000 datagrams to b
      Then b received between 950 and 999 of them
      And at least 1 packet was corrupted between a and b

    Scenario Outline: TCP hides loss, and takes its time
      Given machines a and b
      And the network between a and b loses <loss> of packets
      When a fetches "/hello" from b
      And a fetches "/hello" from b
      And a fetches "/hello" from b
      Then a got status 200 within 2 minutes

      Examples:
        | loss |
        | 20%  |
        | 40%  |

  Rule: Latency and bandwidth shape every packet

    Scenario: A slow network is still a network
      Given machines a and b
      And the network between a and b has 80 ms latency and 20 ms jitter
      When a sends 100 datagrams to b
      Then b received all of them
      When a fetches "/hello" from b
      Then a got status 200

    Scenario: A thin line makes packets wait, and its queue holds a second of them
      Given machines a and b
      And the network from a to b carries at most 256 kbit per second
      When a sends 1000 datagrams to b
      Then b received between 200 and 500 of them
      And at least 1 packet was lost from a to b

  Rule: A cut stops everything until it heals

    Scenario: Nothing crosses a cut
      Given machines a and b
      When the network between a and b is cut
      And a sends 100 datagrams to b
      Then b received none of them
      And 100 packets were lost from a to b

    Scenario: A cut has an end
      Given machines a and b
      When the network between a and b is cut
      And a sends 100 datagrams to b
      Then b received none of them
      When the network between a and b heals
      And a sends 100 datagrams to b
      Then b received all of them

    Scenario: A cut one way leaves the other way open
      Given machines a and b
      When the network from a to b is cut
      And b sends 100 datagrams to a
      Then a received all of them
      When a sends 100 datagrams to b
      Then b received none of them

    Scenario: A request waits for the network to come back
      Given machines a and b
      When the network between a and b is cut
      And a fetches "/hello" from b
      Then a got no answer within 10 seconds
      When the network between a and b heals
      Then a got status 200 within 30 seconds

    Scenario: Nothing crosses when every network is cut
      Given machines a, b and c
      When every network is cut
      And a sends 10 datagrams to b
      Then b received none of them
      When every network heals
      And b sends 10 datagrams to c
      Then c received all of them

  Rule: A machine that crashes comes back as a new one

    Scenario: A crashed machine hears nothing
      Given machines a and b
      When b crashes
      And a sends 100 datagrams to b
      Then b received none of them
      When b restarts
      And a sends 100 datagrams to b
      Then b received all of them

    Scenario: A request to a crashed machine is answered after its restart
      Given machines a and b
      When b crashes
      And a fetches "/hello" from b
      Then a got no answer within 5 seconds
      When b restarts
      Then a got status 200 within 1 minute

    Scenario: Time passes
      Given machines a and b
      When a fetches "/hello" from b
      And 90 seconds pass
      And a fetches "/hello" from b
      Then a got status 200

  Rule: Clocks go wrong without anybody noticing

    Scenario: A server whose clock is ahead serves all the same
      Given machines a and b
      When b's clock is 10 minutes ahead
      And a fetches "/hello" from b
      Then a got status 200

    Scenario: A server whose clock is behind serves all the same
      Given machines a and b
      When b's clock is 1 hour behind
      And a fetches "/hello" from b
      Then a got status 200

  Rule: Access networks have names

    Scenario Outline: A machine on a named network reaches the others
      Given machines a and b
      And a is on "<network>"
      When a sends 200 datagrams to b
      Then b received at least 150 of them
      When a fetches "/hello" from b
      Then a got status 200 within 30 seconds

      Examples:
        | network    |
        | office LAN |
        | home wifi  |
        | hotel wifi |
        | 4G         |
        | satellite  |
