Feature: Registration
  A phone that is registered can be called; one that isn't, can't. Everything between the two is where calls get lost: a
  contact that outlives its phone, a refresh that comes a moment too late, a server that forgets.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agents alice and bob with hardphones

  Rule: Passwords are proved, and never told

    # A server that takes whoever asks; a phone that gives up at the first challenge.
    Scenario: A phone registers
      When alice's phone registers
      Then alice's phone is registered
      And the server has 1 contact for alice
      And the server has no contacts for bob

    # A server that forgets to compare; a phone that tries the same password for ever.
    Scenario: A wrong password is refused
      When alice's phone registers with the wrong password
      Then alice's phone is not registered
      And the server has no contacts for alice within 10 seconds

    # A phone that stays in the refusal it once got.
    Scenario: After a wrong password the right one works
      When alice's phone registers with the wrong password
      And alice's phone registers
      Then alice's phone is registered

    # Defects 41 and 42 (pjproject#25, JsSIP#25, baresip#717): a challenge with stale=true isn't answered, or answered for
    # ever. The server's nonces are good for 300 seconds, so that refreshes meet stale ones.
    Scenario: A nonce that has become stale is replaced in passing
      Given registrations last 60 seconds
      When alice's phone registers
      And 12 minutes pass
      Then alice's phone is registered
      And the server has 1 contact for alice

  Rule: A registration is refreshed before it runs out

    # Defect 12 (Metaswitch/sprout#1200): the refresh comes at the last moment and loses against the expiry.
    Scenario: A registration lasts as long as the phone is on
      Given registrations last 60 seconds
      When alice's phone registers
      And 10 minutes pass
      Then alice's phone is registered

    # Defect 13 (SIP.js#868): the phone goes by what it asked for, not by what it was granted.
    Scenario: The server grants less than the phone asks for
      Given registrations last 20 seconds
      When alice's phone registers
      And 25 seconds pass
      Then alice's phone is registered
      And a call to alice rings only phones that are alive

    # A transaction that isn't repeated, or a repetition that is taken for another request.
    Scenario Outline: Registering survives the loss of the <nth> "<message>" <way>
      Given the <nth> "<message>" <way> is lost
      When alice's phone registers
      Then alice's phone is registered within 5 seconds
      And the server has 1 contact for alice

      Examples:
        | nth    | message  | way        |
        | first  | REGISTER | from alice |
        | second | REGISTER | from alice |
        | next   | 401      | to alice   |
        | next   | 200      | to alice   |

    # A refresh that is given up with its first packet.
    Scenario Outline: A refresh survives the loss of its "<message>"
      Given registrations last 60 seconds
      And alice's phone registers
      When the next "<message>" <way> is lost
      And 2 minutes pass
      Then alice's phone is registered
      And the server has 1 contact for alice

      Examples:
        | message  | way        |
        | REGISTER | from alice |
        | 200      | to alice   |

    # Defect 14 (SIP.js#244): after an outage the phone stops refreshing, and looks as if all was well. The longer the
    # outage was, the longer it may wait between two attempts (RFC 5626 4.5).
    Scenario: A phone registers again after an outage
      Given registrations last 60 seconds
      And alice's phone registers
      When the network between alice and the server is cut for 5 minutes
      Then alice's phone is not registered
      And alice's phone is registered within 10 minutes

  Rule: A registration ends

    # Defect 16 (rsipstack#93): a stored expires parameter keeps the contact alive.
    Scenario: A phone unregisters
      When alice's phone registers
      And alice's phone unregisters
      Then alice's phone is not registered
      And the server has no contacts for alice

    # Defect 17 (sipwise/sems#12): the un-REGISTER is lost, and the two sides disagree for the rest of its time.
    Scenario: Unregistering survives the loss of its request
      Given alice's phone registers
      When the next "REGISTER" from alice is lost
      And alice's phone unregisters
      Then the server has no contacts for alice within 10 seconds

    # A binding that outlives its expiry.
    Scenario: A phone that lost power is forgotten when its time is over
      Given registrations last 60 seconds
      And alice's phone registers
      When alice's phone loses power
      Then the server has 1 contact for alice
      And the server has no contacts for alice within 70 seconds

    # A caller who waits for a phone that can't ring.
    Scenario: A phone that is gone can't be called
      Given registrations last 60 seconds
      And every agent's phone registers
      When alice's phone loses power
      And 70 seconds pass
      And bob calls alice
      Then bob is in no call within 5 seconds

  Rule: One phone has one contact

    # Defects 1 and 4 (JsSIP#929, ringcentral-embeddable#446): every start of the phone is a new contact, and the old ones
    # are rung too.
    Scenario: A phone that restarts is the same phone
      Given alice's phone registers
      When alice's phone loses power
      And alice's phone comes back
      And alice's phone loses power
      And alice's phone comes back
      Then alice's phone is registered within 10 seconds
      And the server has 1 contact for alice
      And a call to alice rings only phones that are alive

    # Defect 10 (comcent-ce#27): a dead branch of a fork is kept, or takes the living one with it.
    Scenario: Two phones of one account are two contacts
      Given alice has a second hardphone
      When alice's phone registers
      And alice's second phone registers
      Then the server has 2 contacts for alice
      And a call to alice rings only phones that are alive
      When alice's second phone unregisters
      Then the server has 1 contact for alice
      And alice's phone is registered

    # Defect 4 again: what one phone leaves behind uses up the room for the others.
    Scenario: However often a phone registers, it takes one place
      When alice's phone registers
      And alice's phone unregisters
      And alice's phone registers
      And alice's phone registers
      Then the server has 1 contact for alice

  Rule: A NAT between the two must be kept open

    # Defect 55 (rvoip#50): the binding runs out between two refreshes, and nobody sees that the phone is unreachable.
    Scenario Outline: A phone behind a <kind> NAT can be called all day
      Given alice works behind a <kind> NAT with a binding lifetime of 30 seconds
      And every agent's phone registers
      When 10 minutes pass
      Then alice's phone is registered
      And a call to alice rings only phones that are alive

      Examples:
        | kind            |
        | full-cone       |
        | restricted      |
        | port-restricted |
        | symmetric       |

    # Defect 7 (OpenSIPS#1035): the contact is renewed, and calls still go the old way.
    Scenario: A NAT that forgot its bindings is repaired by the next refresh
      Given registrations last 60 seconds
      And alice works behind a port-restricted NAT
      And alice's phone registers
      When alice's NAT forgets its bindings
      Then alice's phone is not registered
      And alice's phone is registered within 1 minute
      And a call to alice rings only phones that are alive

  Rule: A server that goes down takes nobody with it

    # A registrar that keeps its bindings in memory alone: after its restart nobody can be called for minutes.
    Scenario: Registrations survive a crash of the server
      Given every agent's phone registers
      When the server crashes
      And the server restarts
      Then the server has 1 contact for alice within 2 seconds
      When bob calls alice
      Then alice's phone rings

    # Phones that stay with a dead server; a second server that nobody finds.
    Scenario: The second server takes over
      Given a second SIP server that takes over when the first is down
      And registrations last 60 seconds
      And every agent's phone registers
      When the first server crashes
      Then the second server has 1 contact for alice within 2 minutes
      And the second server has 1 contact for bob within 2 minutes
      When bob calls alice
      Then alice's phone rings within 5 seconds

    # Phones that never go back, so that the next failure finds everybody on the wrong server.
    Scenario: A phone finds the first server again
      Given a second SIP server that takes over when the first is down
      And registrations last 60 seconds
      And alice's phone registers
      When the first server crashes
      Then the second server has 1 contact for alice within 2 minutes
      When the first server restarts
      And the second server crashes
      Then alice's phone is registered within 3 minutes

    # Defect 66's cousin: what works for three phones falls over when the whole floor comes back at once.
    Scenario: The whole floor registers at once
      Given 100 agents with hardphones
      When every agent's phone registers
      Then every agent's phone is registered within 5 seconds

    # A floor without power comes back as one: no phone may be left behind.
    Scenario: The whole floor comes back after a power cut
      Given 30 agents with hardphones
      And every agent's phone registers
      When every agent's phone loses power
      And every agent's phone comes back
      Then every agent's phone is registered within 10 seconds
      And the server has 1 contact for agent17
