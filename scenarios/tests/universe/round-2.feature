Feature: The phrases of round 2
  Each as the contract has it, letter by letter where the scene allows, and with it the check that shows what it does.

  Scenario: A contact center and its agents
    Given a contact center
    And a second SIP server that takes over when the first is down
    And agent erin with a hardphone
    And agent frank with a softphone
    And agents alice, bob and carol with hardphones
    And 20 agents with hardphones
    When every agent's phone registers
    Then every agent's phone is registered within 5 seconds
    And the server has 1 contact for agent20
    And the second server has no contacts for alice

  Scenario: Registering and unregistering
    Given registrations last 60 seconds
    And agents alice and bob with hardphones
    And alice has a second hardphone
    When alice's phone registers with the wrong password
    Then alice's phone is not registered
    When alice's phone registers
    Then alice's phone is registered
    And alice's phone is registered within 5 seconds
    And the server has 1 contact for alice
    And the server has 1 contact for alice within 5 seconds
    And the server has at most 5 contacts for alice
    When alice's second phone registers
    Then the server has 2 contacts for alice
    And a call to alice rings only phones that are alive
    When alice's second phone unregisters
    Then alice's second phone is not registered
    When alice's phone loses power
    Then alice's phone is not registered within 2 minutes
    When alice's phone comes back
    Then alice's phone is registered within 5 seconds

  Scenario: The second server takes over
    Given agents alice and bob with hardphones
    And every agent's phone registers
    And a second SIP server that takes over when the first is down
    And registrations last 60 seconds
    And every agent's phone registers
    When the first server crashes
    Then the second server has 1 contact for alice within 2 minutes
    When the first server restarts
    And the server crashes
    And the server restarts
    Then alice's phone is registered within 3 minutes

  Scenario Outline: Agents behind a <kind> NAT
    Given agents alice and bob with hardphones
    And alice works behind a <kind> NAT
    And bob works behind a <kind> NAT with a binding lifetime of 30 seconds
    And registrations last 60 seconds
    And every agent's phone registers
    When alice's NAT forgets its bindings
    Then alice's phone is not registered
    And alice's phone is registered within 1 minute
    When bob calls alice
    And alice answers
    Then alice and bob hear each other within 3 seconds

    Examples:
      | kind            |
      | full-cone       |
      | restricted      |
      | port-restricted |
      | symmetric       |

  Scenario: A call between agents
    Given agents alice, bob and carol with hardphones
    And every agent's phone registers
    When bob calls alice
    Then alice's phone rings
    And alice's phone rings within 5 seconds
    And carol's phone does not ring
    When alice's phone rings
    And alice answers
    Then alice and bob hear each other within 3 seconds
    And bob and alice hear each other
    And alice hears bob
    And alice does not hear carol
    And carol hears nobody
    And alice is in a call
    And carol is in no call
    And the audio alice hears scores at least 4.0
    When alice puts the call on hold
    Then bob hears nobody
    When alice takes the call off hold
    Then alice and bob hear each other
    When alice sends the digits "1234"
    Then bob received the digits "1234"
    When alice's phone hangs up
    Then alice is in no call within 32 seconds
    And the call has ended for everybody within 32 seconds
    And the call has ended for everybody
    And the server recorded 1 answered call
    When alice calls bob
    And bob rejects the call
    Then alice's call was refused with 486
    When alice calls bob
    And alice hangs up
    Then the call has ended for everybody

  Scenario: A call to a customer
    Given agents alice, bob and carol with hardphones
    And every agent's phone registers
    And the customer at "15551230001" answers after 3 seconds
    When alice calls "15551230001"
    Then alice and the customer hear each other within 5 seconds
    And the customer and alice hear each other
    And alice hears the customer
    And the customer hears alice
    When alice sends the digits "1234"
    Then the customer received the digits "1234"
    When audio from alice to the server is cut
    Then the customer hears nobody
    And the audio alice hears scores at least 4.0
    When the network between alice and the server heals
    Then the customer hears alice within 3 seconds
    When alice consults bob
    And bob answers
    And alice takes the customer back
    Then alice and the customer hear each other within 3 seconds
    When alice transfers the call to nobody
    Then the transfer has failed within 5 seconds
    When alice consults bob
    And bob answers
    And alice completes the transfer
    Then bob and the customer hear each other within 3 seconds
    When bob consults carol and completes the transfer
    Then carol and the customer hear each other within 3 seconds
    When carol transfers the call to alice
    And alice answers
    Then alice and the customer hear each other within 3 seconds
    When the customer hangs up
    Then the call has ended for everybody within 32 seconds

  Scenario Outline: The customer <does>
    Given agent alice with a hardphone
    And alice's phone registers
    And the customer at "15551230001" <does>
    When alice calls "15551230001"
    And 5 seconds pass
    Then alice is in <a call>
    And the call has ended for everybody within 70 seconds

    Examples:
      | does                                    | a call  |
      | is busy                                 | no call |
      | never answers                           | a call  |
      | rejects the call                        | no call |
      | is disconnected                         | no call |
      | answers and hangs up after 10 seconds   | a call  |
      | has an answering machine                | a call  |

  Scenario: The carrier is difficult
    Given agent alice with a hardphone
    And alice's phone registers
    And the carrier answers 503 to the next 3 calls
    And the carrier speaks only "PCMA"
    When alice calls "15551230001"
    And alice calls "15551230001"
    And alice calls "15551230001"
    Then alice's call was refused with 503
    When alice calls "15551230001"
    Then alice and the customer hear each other within 5 seconds

  Scenario Outline: The <nth> "<message>" <way> is lost
    Given agents alice and bob with hardphones
    And every agent's phone registers
    And bob calls alice
    When the <nth> "<message>" <way> is lost
    And alice answers
    Then alice and bob hear each other within 5 seconds

    Examples:
      | nth  | message | way        |
      | next | ACK     | to alice   |
      | next | ACK     | from bob   |
      | next | 200     | from alice |
      | next | 200     | to bob     |

  Scenario: A bad network is heard
    Given agents alice and bob with hardphones
    And every agent's phone registers
    And the network between alice and the server loses 10% of packets in bursts
    When alice calls bob
    And bob answers
    And 30 seconds pass
    Then the audio alice hears scores at most 4.0

  Scenario: Deeds at the same moment
    Given agents alice and bob with hardphones
    And every agent's phone registers
    When alice and bob call each other at the same moment
    Then alice's phone rings within 2 seconds
    When alice rejects the call
    And bob rejects the call
    And alice calls bob
    And bob answers
    And alice and bob put the call on hold at the same moment
    And 5 seconds pass
    And alice and bob take the call off hold at the same moment
    Then alice and bob hear each other within 10 seconds
    When alice and bob hang up at the same moment
    Then the call has ended for everybody within 5 seconds
    When alice calls bob
    And bob answers and alice hangs up 1 ms later
    Then the call has ended for everybody within 32 seconds
