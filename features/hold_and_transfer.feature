Feature: Hold and transfer
  A call on hold is still a call; a call that is handed on has one owner at any time, and the customer never notices more
  than a little music.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice, bob and carol with hardphones
    And every agent's phone registers

  Rule: On hold nobody is heard

    # Defect 47 (SIP.js#685): the phone shows "on hold", and the agent is heard.
    Scenario: A call is put on hold and taken off
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice puts the call on hold
      Then the customer hears nobody
      And alice hears nobody
      When alice takes the call off hold
      Then alice and the customer hear each other within 3 seconds

    # The same by whom was called.
    Scenario: The callee puts the call on hold
      Given alice calls bob
      And bob answers
      When bob puts the call on hold
      Then alice hears nobody
      And bob hears nobody
      When bob takes the call off hold
      Then alice and bob hear each other within 3 seconds

    # A resume by one that lifts the other's hold as well.
    Scenario: Both put the call on hold, and both must take it off
      Given alice calls bob
      And bob answers
      When alice puts the call on hold
      And bob puts the call on hold
      And alice takes the call off hold
      Then alice hears nobody
      When bob takes the call off hold
      Then alice and bob hear each other within 3 seconds

    # Defect 48 (siphon-ai#402, sipsorcery#884, freeswitch#1947): the RTP watchdog kills a call that is only on hold.
    Scenario: A call may be on hold for ten minutes
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice puts the call on hold
      And 10 minutes pass
      And alice takes the call off hold
      Then alice and the customer hear each other within 3 seconds

    # Defect 47 again: the answer to the hold is lost, and the two sides disagree on it.
    Scenario Outline: Hold survives the loss of the "<message>" <way>
      Given alice calls bob
      And bob answers
      When the next "<message>" <way> is lost
      And alice puts the call on hold
      And 2 seconds pass
      Then bob hears nobody
      When alice takes the call off hold
      Then alice and bob hear each other within 3 seconds

      Examples:
        | message | way        |
        | INVITE  | from alice |
        | 200     | to alice   |
        | ACK     | from alice |

    # Whoever is on hold may still leave.
    Scenario: The customer hangs up while on hold
      Given alice calls "15551230001"
      And 5 seconds pass
      And alice puts the call on hold
      When the customer hangs up
      Then the call has ended for everybody within 5 seconds

  Rule: A blind transfer hands the call on

    # Defect 51 (siphon-sip#220): the BYE of who hands on the call ends it for the others.
    Scenario: The call is handed on
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to bob
      And bob answers
      Then bob and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds
      When 1 minute passes
      Then bob and the customer hear each other

    # Defect 52's cousin: what the transfer put together doesn't come apart.
    Scenario: A call that was handed on ends for everybody
      Given alice calls "15551230001"
      And 5 seconds pass
      And alice transfers the call to bob
      And bob answers
      When the customer hangs up
      Then the call has ended for everybody within 5 seconds

    # A call that is handed to nobody, and the customer with it.
    Scenario: A transfer to nobody fails, and the call is still there
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to nobody
      Then the transfer has failed within 5 seconds
      And alice and the customer hear each other within 5 seconds

    # The same, when it's a person who doesn't want it.
    Scenario: A transfer that is rejected fails, and the call is still there
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to bob
      And bob rejects the call
      Then the transfer has failed within 5 seconds
      And alice and the customer hear each other within 5 seconds

    # Defect 53 (jambonz#217): without its NOTIFY the transfer is never over.
    Scenario Outline: A transfer survives the loss of the "<message>" <way>
      Given alice calls "15551230001"
      And 5 seconds pass
      When the next "<message>" <way> is lost
      And alice transfers the call to bob
      And bob answers
      Then bob and the customer hear each other within 5 seconds
      And alice is in no call within 32 seconds

      Examples:
        | message | way        |
        | REFER   | from alice |
        | 202     | to alice   |
        | NOTIFY  | to alice   |
        | INVITE  | to bob     |
        | ACK     | to bob     |

    # Defect 54 (team-telnyx/freeswitch#674): the customer is parked for ever when she hangs up in between.
    Scenario: The customer hangs up while the call is handed on
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to bob
      And the customer hangs up
      Then bob's phone does not ring within 5 seconds
      And the call has ended for everybody within 32 seconds

  Rule: An attended transfer asks first

    # Defect 52 (siphon-sip#295): the consultation is left behind as a call of its own.
    Scenario: The call is handed on after a consultation
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice consults bob
      And bob answers
      Then alice and bob hear each other within 3 seconds
      And the customer hears nobody
      When alice completes the transfer
      Then bob and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds
      When bob hangs up
      Then the call has ended for everybody within 5 seconds

    # The same in one go.
    Scenario: Consulting and handing on in one go
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice consults bob and completes the transfer
      Then bob and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds

    # A consultation that can't be undone: the customer hears both, or music for ever.
    Scenario: The customer is taken back
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice consults bob
      And bob answers
      And alice takes the customer back
      Then alice and the customer hear each other within 3 seconds
      And bob is in no call within 5 seconds

    # Whoever is consulted and declines must not cost the customer.
    Scenario: Whoever is consulted declines
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice consults bob
      And bob rejects the call
      And alice takes the call off hold
      Then alice and the customer hear each other within 3 seconds

    # Handed on twice: each owner must be forgotten.
    Scenario: A call is handed on twice
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to bob
      And bob answers
      And bob transfers the call to carol
      And carol answers
      Then carol and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds
      And bob is in no call within 5 seconds
      When carol hangs up
      Then the call has ended for everybody within 5 seconds
