Feature: Reconnect
  A connection that is lost is made again, by itself, and the page is the same phone as before: one contact, and the call
  that it was in.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agent alice with a webphone
    And agent bob with a hardphone
    And every agent's phone registers

  Rule: Idle, the phone comes back

    # Defects 7 and 14 (OpenSIPS#1035, SIP.js#244): after an outage it never refreshes again, or is called by the old way.
    Scenario Outline: The network is away for <time>
      When the network between alice and the server is cut for <time>
      Then alice's phone is registered within <back>
      And the server has 1 contact for alice within 2 minutes
      And a call to alice rings only phones that are alive

      Examples:
        | time       | back       |
        | 90 seconds | 2 minutes  |
        | 3 minutes  | 3 minutes  |

    # A page that waits for a close that never comes; or one that tries again at once, and with it a thousand others.
    Scenario: The server crashes and comes back
      When the server crashes
      And 20 seconds pass
      And the server restarts
      Then alice's phone is registered within 2 minutes
      And the server has 1 contact for alice
      When bob calls alice
      Then alice's phone rings within 3 seconds

    # Defect 66's cousin: what one page survives is a storm when all come back in the same second.
    Scenario: The whole floor reconnects after a crash of the server
      Given 30 agents with webphones
      And every agent's phone registers
      When the server crashes
      And 5 seconds pass
      And the server restarts
      Then every agent's phone is registered within 3 minutes
      And the server has 1 contact for agent17

    # A page that knows one server only.
    Scenario: The second server takes over
      Given a second SIP server that takes over when the first is down
      And agents carol and dave with webphones
      And carol's phone registers
      And dave's phone registers
      When the first server crashes
      Then the second server has 1 contact for carol within 3 minutes
      And the second server has 1 contact for dave within 3 minutes
      When dave calls carol
      And carol answers
      Then carol and dave hear each other within 3 seconds

    # Defect 69 (amazon-connect-streams#428): after its sleep the page looks registered, and can't be called.
    Scenario Outline: The laptop sleeps for <time>
      When alice's laptop sleeps for <time>
      Then alice's phone is registered within 1 minute
      And the server has 1 contact for alice within 2 minutes
      When bob calls alice
      And alice answers
      Then alice and bob hear each other within 3 seconds

      Examples:
        | time       |
        | 10 seconds |
        | 2 minutes  |
        | 8 hours    |

    # Defect 9 (linphone-desktop#458): a new address is a new contact, and the old one stays.
    Scenario: The laptop changes networks
      When alice changes network to "4G"
      Then alice's phone is registered within 1 minute
      And the server has 1 contact for alice within 2 minutes
      And a call to alice rings only phones that are alive

    # A NAT box that was restarted knows no connection: what is sent on the old one is lost without an answer.
    Scenario: The router is restarted
      Given agent dave with a webphone
      And dave works behind a port-restricted NAT
      And dave's phone registers
      When dave's NAT forgets its bindings
      Then dave's phone is registered within 3 minutes
      And a call to dave rings only phones that are alive

    # Backoff that doesn't end (RFC 5626 4.5): a user who is back must not wait for half an hour.
    Scenario: Whoever opens the page again needn't wait
      Given the network between alice and the server is cut for 10 minutes
      When alice reloads the tab
      Then alice's phone is registered within 5 seconds

  Rule: In a call, the call goes on

    # Defect 22 (SIP.js#1024): the connection is back, and the voice isn't.
    Scenario: The network is away for ten seconds in a call
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When the network between alice and the server is cut for 10 seconds
      Then alice and bob hear each other within 30 seconds

    # Defects 21 and 58 (ringcentral-softphone-ts#65, pjproject#2682): requests of the dialog go to the dead connection;
    # SRTP begins anew where it should go on.
    Scenario: The laptop changes networks in a call
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice changes network to "home wifi"
      Then alice and bob hear each other within 40 seconds
      When bob hangs up
      Then the call has ended for everybody within 5 seconds

    # The same, when the other side must be found by the new connection.
    Scenario: After a change of networks a call is put on hold by the other side
      Given alice calls bob
      And bob answers
      And 2 seconds pass
      When alice changes network
      And 40 seconds pass
      And bob puts the call on hold
      Then alice hears nobody within 2 seconds
      When bob takes the call off hold
      Then alice and bob hear each other within 3 seconds

    # A short nap is no reason to hang up: consent lasts for thirty seconds (RFC 7675 5.1).
    Scenario: The laptop sleeps for ten seconds in a call
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice's laptop sleeps for 10 seconds
      Then alice and bob hear each other within 30 seconds

    # A page that wakes up in a call that has long been over, and goes on showing it.
    Scenario: The laptop sleeps for ten minutes in a call
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice's laptop sleeps for 10 minutes
      Then bob is in no call
      And alice is in no call within 40 seconds
      And alice's phone is registered within 1 minute

    # Timers of a tab in the background are late: keepalives, refreshes, and what a page does for its call.
    Scenario: A call in a tab in the background
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice's tab is in the background for 10 minutes
      Then alice and bob hear each other
      When alice comes back to the tab
      And alice hangs up
      Then the call has ended for everybody within 5 seconds
