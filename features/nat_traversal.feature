Feature: NAT traversal
  Media finds its way by ICE: straight where it can, through a TURN relay where it must, and a call that finds none ends.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agent alice with a webphone
    And agent bob with a hardphone

  Rule: To the gateway

    # A gateway that answers to the address in the description instead of the one that the checks came from (RFC 8445 7.3).
    Scenario Outline: A webphone behind a <kind> NAT
      Given alice works behind a <kind> NAT
      And every agent's phone registers
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 3 seconds
      And alice's media is direct
      And media between alice and the server is encrypted

      Examples:
        | kind            |
        | full-cone       |
        | restricted      |
        | port-restricted |
        | symmetric       |

    # A browser that relays where it needn't: the center pays for each packet twice.
    Scenario: Without a NAT the computer's own address is used
      Given every agent's phone registers
      When bob calls alice
      And alice answers
      Then alice's media uses a "host" candidate within 3 seconds
      And alice's media is direct

    # A relay whose candidates come too late, or are never tried.
    Scenario Outline: Where only TURN relays get through, <caller> calls <callee>
      Given only TURN relays reach alice
      And every agent's phone registers
      When <caller> calls <callee>
      And <callee> answers
      Then alice's media goes through the TURN relay within 10 seconds
      And alice and bob hear each other within 3 seconds
      And alice's media uses a "relay" candidate
      And media between alice and the server is encrypted

      Examples:
        | caller | callee |
        | alice  | bob    |
        | bob    | alice  |

    # The firewall of a bank: no datagram gets out, and TURN is left with TCP.
    Scenario: Where no datagram gets through
      Given alice's network blocks UDP
      And every agent's phone registers
      When alice calls bob
      And bob answers
      Then alice's media goes through the TURN relay within 15 seconds
      And alice and bob hear each other within 3 seconds

    # Defect 59 (SIP.js#436): ICE has failed, nobody takes notice, and both sides listen to nothing.
    Scenario: Where nothing gets through the call ends
      Given there is no TURN server
      And alice's network blocks UDP
      And every agent's phone registers
      When alice calls bob
      And bob answers
      Then the call has ended for everybody within 1 minute

    # Defect 60 (nextcloud/spreed#6323): expired TURN credentials, and a call that rings, is answered and is silent.
    Scenario: Where the relay's password is wrong the call ends
      Given only TURN relays reach alice
      And alice's TURN password is wrong
      And every agent's phone registers
      When alice calls bob
      And bob answers
      Then the call has ended for everybody within 1 minute

    # Both ends are browsers behind NATs: each has a leg of its own at the gateway.
    Scenario: Two webphones behind symmetric NATs talk
      Given agent carol with a webphone
      And alice works behind a symmetric NAT
      And carol works behind a symmetric NAT
      And every agent's phone registers
      When alice calls carol
      And carol answers
      Then alice and carol hear each other within 3 seconds

    # Both ends behind firewalls: two relays in one call.
    Scenario: Two webphones that only TURN relays reach talk
      Given agent carol with a webphone
      And only TURN relays reach alice
      And only TURN relays reach carol
      And every agent's phone registers
      When alice calls carol
      And carol answers
      Then alice and carol hear each other within 10 seconds
      And alice's media goes through the TURN relay
      And carol's media goes through the TURN relay

  Rule: The way stays open

    # Defect 55 (rvoip#50): the binding runs out in a call in which nobody speaks; ICE's keepalives are there for that.
    Scenario Outline: A held call keeps the binding of a <kind> NAT
      Given alice works behind a <kind> NAT with a binding lifetime of 30 seconds
      And every agent's phone registers
      And alice calls bob
      And bob answers
      When alice puts the call on hold
      And 5 minutes pass
      And alice takes the call off hold
      Then alice and bob hear each other within 3 seconds

      Examples:
        | kind            |
        | port-restricted |
        | symmetric       |

    # Defect 60 (pion/turn#102, sipsorcery#673, pjproject#888): the allocation, its permission or its channel isn't renewed,
    # or a stale nonce (438) ends it all. Permissions last 5 minutes, allocations and channels 10.
    Scenario: A long call through a relay
      Given only TURN relays reach alice
      And every agent's phone registers
      And alice calls bob
      And bob answers
      When 25 minutes pass
      Then alice and bob hear each other
      And alice's media goes through the TURN relay

    # Defect 56 (rtpengine#1354): the source port changes in a call, and the other side sends to the old one.
    Scenario: A NAT that forgets its bindings in a call costs a moment
      Given alice works behind a port-restricted NAT
      And every agent's phone registers
      And alice calls bob
      And bob answers
      And 2 seconds pass
      When alice's NAT forgets its bindings
      Then alice and bob hear each other within 30 seconds

    # A relay that dies takes the media with it, and who hears nothing any more must not stay in the call for ever.
    Scenario: The TURN server crashes in a call
      Given only TURN relays reach alice
      And every agent's phone registers
      And alice calls bob
      And bob answers
      And 5 seconds pass
      When the TURN server crashes
      Then bob hears nobody within 10 seconds
      And the call has ended for everybody within 90 seconds
