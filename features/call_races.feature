Feature: Races in calls
  Two people press a button within the time that a packet takes, or a packet is lost just then. In each of these races there
  is an order in which real phones and servers were left with half a call.

  The comment before each scenario names the defect that would turn it red.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  Rule: Whoever gives up just as the other answers is in no call

    # Defects 27, 28, 29 and 31 (JsSIP#597, JsSIP#836, OpenSIPS#1388, livekit/sip#756): CANCEL and 200 cross, and one side
    # stays in a call that the other knows nothing of.
    Scenario Outline: The caller gives up and the callee answers <moment>
      Given alice calls bob
      And bob's phone rings
      When alice hangs up and bob answers <moment>
      Then the call has ended for everybody within 32 seconds
      And alice hears nobody
      And bob hears nobody

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |
        | 3 ms later         |

    # The same, the other way round: the 200 is ahead.
    Scenario Outline: The callee answers and the caller gives up <moment>
      Given alice calls bob
      And bob's phone rings
      When bob answers and alice hangs up <moment>
      Then the call has ended for everybody within 32 seconds
      And alice hears nobody
      And bob hears nobody

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |
        | 3 ms later         |

    # A rejection and a CANCEL that cross: a final answer to a transaction that is gone.
    Scenario Outline: The caller gives up and the callee rejects <moment>
      Given alice calls bob
      And bob's phone rings
      When alice hangs up and bob rejects the call <moment>
      Then the call has ended for everybody within 32 seconds
      And the server recorded no answered calls

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |

    # A CANCEL that isn't repeated; a 487 that isn't acknowledged; a callee who rings on.
    Scenario Outline: Giving up survives the loss of the "<message>" <way>
      Given alice calls bob
      And bob's phone rings
      When the next "<message>" <way> is lost
      And alice hangs up
      Then bob's phone does not ring
      And the call has ended for everybody within 32 seconds
      And the server recorded no answered calls

      Examples:
        | message | way        |
        | CANCEL  | from alice |
        | 200     | to alice   |
        | 487     | to alice   |
        | ACK     | from alice |
        | CANCEL  | to bob     |
        | 487     | from bob   |
        | ACK     | to bob     |

  Rule: Whoever hangs up just as the other does is in no call

    # Defect 36 (siphon-sip#134): each BYE waits for an answer that the other side thinks needn't be given.
    Scenario: Both hang up at the same moment
      Given alice calls bob
      And bob answers
      When alice and bob hang up at the same moment
      Then the call has ended for everybody within 5 seconds
      And the server recorded 1 answered call

    # The same, with one BYE ahead of the other.
    Scenario Outline: One hangs up, and the other <moment>
      Given alice calls bob
      And bob answers
      When alice hangs up and bob hangs up <moment>
      Then the call has ended for everybody within 5 seconds
      And the server recorded 1 answered call

      Examples:
        | moment     |
        | 1 ms later |
        | 2 ms later |
        | 3 ms later |

    # A BYE that isn't repeated, or is answered with 481 when it is.
    Scenario Outline: Hanging up survives the loss of the "<message>" <way>
      Given alice calls bob
      And bob answers
      When the next "<message>" <way> is lost
      And alice hangs up
      Then the call has ended for everybody within 32 seconds
      And the server recorded 1 answered call

      Examples:
        | message | way        |
        | BYE     | from alice |
        | 200     | to alice   |
        | BYE     | to bob     |
        | 200     | from bob   |

    # Defect 33 and 34 (pjproject#1725, #1755): the call ends while its ACK is still owed.
    Scenario: The caller hangs up at once, and the ACK is lost
      Given alice calls bob
      And bob's phone rings
      When the next "ACK" from alice is lost
      And bob answers and alice hangs up 5 ms later
      Then the call has ended for everybody within 32 seconds

  Rule: No single message that is lost costs a call

    # Defects 20 and 32 (freeswitch#1558, pjproject#1131): a lost ACK or 200 leaves a call that dies after 32 seconds.
    Scenario Outline: A call survives the loss of the <nth> "<message>" <way>
      Given the <nth> "<message>" <way> is lost
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 5 seconds
      When 40 seconds pass
      Then alice and bob hear each other
      When alice hangs up
      Then the call has ended for everybody within 2 seconds

      Examples:
        | nth    | message | way        |
        | first  | INVITE  | from alice |
        | second | INVITE  | from alice |
        | next   | 407     | to alice   |
        | first  | ACK     | from alice |
        | next   | 180     | to alice   |
        | next   | 200     | to alice   |
        | second | ACK     | from alice |
        | next   | INVITE  | to bob     |
        | next   | 180     | from bob   |
        | next   | 200     | from bob   |
        | next   | ACK     | to bob     |

    # The repetition is lost, too: a sender that tries only twice.
    Scenario Outline: A call survives that the <nth> "<message>" <way> is lost, and the one after it
      Given the <nth> "<message>" <way> is lost
      And the <after> "<message>" <way> is lost
      When alice calls bob
      And bob answers
      Then alice and bob hear each other within 10 seconds

      Examples:
        | nth    | after  | message | way        |
        | first  | second | INVITE  | to bob     |
        | first  | second | 200     | from bob   |
        | first  | second | 200     | to alice   |
        | second | third  | ACK     | from alice |

    # Defect 32 (pjproject#1131, #1857): the ACK never comes, and nobody ends the call.
    Scenario: A call whose ACK never comes is torn down
      Given alice calls bob
      And bob's phone rings
      When the network from alice to the server is cut
      And bob answers
      Then bob is in no call within 40 seconds
      And alice is in no call within 40 seconds

  Rule: Two offers that cross are both heard in the end

    # Defects 43 and 44 (pjproject#3886, JsSIP#771): 491 on both sides, and the hold is lost or the call broken.
    Scenario: Both put the call on hold at the same moment
      Given alice calls bob
      And bob answers
      When alice and bob put the call on hold at the same moment
      And 5 seconds pass
      Then alice hears nobody
      And bob hears nobody
      When alice takes the call off hold
      And bob takes the call off hold
      Then alice and bob hear each other within 5 seconds

    # Defect 45 (siphon-ai#454): both retry after the same pause, and cross again.
    Scenario: Both take the call off hold at the same moment
      Given alice calls bob
      And bob answers
      And alice puts the call on hold
      And bob puts the call on hold
      When alice and bob take the call off hold at the same moment
      Then alice and bob hear each other within 10 seconds

    # A re-INVITE and a BYE that cross: the call must end, and not come back.
    Scenario Outline: One puts the call on hold, the other hangs up <moment>
      Given alice calls bob
      And bob answers
      When alice puts the call on hold and bob hangs up <moment>
      Then the call has ended for everybody within 32 seconds

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |

    # Two calls between the same two: a server that takes the one for the other.
    Scenario: Both call each other at the same moment
      When alice and bob call each other at the same moment
      Then alice's phone rings within 2 seconds
      And bob's phone rings within 2 seconds
      When alice rejects the call
      And bob rejects the call
      Then the call has ended for everybody within 5 seconds
      And the server recorded no answered calls

  Rule: A fork has one winner

    Background:
      Given alice has a second hardphone
      And alice's second phone registers

    # Defects 30 and 39 (kamailio#570, JsSIP#114, pjproject#635): the second 200 isn't acknowledged and hung up, and its
    # phone thinks that it talks. Defect 62 (asterisk#176): two were answered, and both were connected.
    Scenario Outline: Both phones answer, the second <moment>
      Given bob calls alice
      And alice's phone rings
      And alice's second phone rings
      When alice answers on her phone and alice answers on her second phone <moment>
      Then bob and alice hear each other within 3 seconds
      When bob hangs up
      Then the call has ended for everybody within 32 seconds
      And the server recorded 1 answered call

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |

    # One branch answers while the caller gives up: two CANCELs, one of them too late.
    Scenario Outline: One phone answers and the caller gives up <moment>
      Given bob calls alice
      And alice's phone rings
      And alice's second phone rings
      When alice answers on her phone and bob hangs up <moment>
      Then the call has ended for everybody within 32 seconds

      Examples:
        | moment             |
        | at the same moment |
        | 1 ms later         |
        | 2 ms later         |

    # One rejects while the other answers: the refusal mustn't end the call.
    Scenario: One phone rejects just as the other answers
      Given bob calls alice
      And alice's phone rings
      And alice's second phone rings
      When alice rejects the call on her phone and alice answers on her second phone at the same moment
      Then bob and alice hear each other within 3 seconds
