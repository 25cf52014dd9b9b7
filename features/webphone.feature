Feature: Webphone
  A webphone is a page in a browser's tab: SIP over a WebSocket, audio by WebRTC. To everybody else it's a phone like any
  other.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agents alice and bob with webphones
    And agent carol with a hardphone

  Rule: A page registers as a phone does

    # A handshake without the subprotocol "sip" (RFC 7118 4), or a server that has no use for a host that ends in .invalid.
    Scenario: A webphone registers
      When alice's phone registers
      Then alice's phone is registered
      And alice's webphone is connected to the server
      And the server has 1 contact for alice
      And the server has no contacts for bob

    # A page that tries the same wrong password for ever, or reports "registered" before the answer (defect 15, JsSIP#337).
    Scenario: A wrong password is refused
      When alice's phone registers with the wrong password
      Then alice's phone is not registered
      And the server has no contacts for alice within 10 seconds
      When alice's phone registers
      Then alice's phone is registered

    # An un-REGISTER that names another contact than the one that was registered.
    Scenario: A webphone unregisters
      Given alice's phone registers
      When alice's phone unregisters
      Then alice's phone is not registered
      And the server has no contacts for alice

    # Defects 1 and 12 (JsSIP#929, Metaswitch/sprout#1200): each refresh is a new contact, or comes too late.
    Scenario: A webphone stays registered for hours, as one contact
      Given alice's phone registers
      When 2 hours pass
      Then alice's phone is registered
      And the server has 1 contact for alice

    # Defect 13 (SIP.js#868): the page goes by what it asked for, and not by what it was granted.
    Scenario: The server grants less than the page asks for
      Given registrations last 20 seconds
      And alice's phone registers
      When 50 seconds pass
      Then alice's phone is registered
      And a call to alice rings only phones that are alive

    # Timers of a tab in the background fire once a minute: a page that refreshes in the last seconds comes too late.
    Scenario: A tab in the background stays registered
      Given every agent's phone registers
      When alice's tab is in the background for 10 minutes
      Then alice's phone is registered
      And the server has 1 contact for alice
      When carol calls alice
      Then alice's phone rings within 3 seconds

    # What works for three tabs falls over when the whole floor opens the page at nine.
    Scenario: The whole floor opens its tabs at once
      Given 50 agents with webphones
      When every agent's phone registers
      Then every agent's phone is registered within 10 seconds
      And the server has 1 contact for agent50

  Rule: A webphone calls and is called

    # A gateway that answers before it can hear: the first words are lost, or all of them.
    Scenario Outline: <caller> calls <callee>
      Given every agent's phone registers
      When <caller> calls <callee>
      And <callee> answers
      Then <caller> and <callee> hear each other within 3 seconds
      When <who> hangs up
      Then the call has ended for everybody within 5 seconds

      Examples:
        | caller | callee | who   |
        | alice  | carol  | alice |
        | alice  | carol  | carol |
        | carol  | alice  | alice |
        | carol  | alice  | carol |
        | alice  | bob    | alice |
        | bob    | alice  | alice |

    # An ACK or a BYE that goes to alice's .invalid host instead of her connection.
    Scenario: A webphone calls a customer
      Given alice's phone registers
      When alice calls "15551230001"
      Then alice and the customer hear each other within 5 seconds
      When the customer hangs up
      Then the call has ended for everybody within 5 seconds

    # Ringing that nobody stops (defect 27, JsSIP#597): the CANCEL that crosses the connection.
    Scenario: The caller gives up
      Given every agent's phone registers
      And carol calls alice
      And alice's phone rings
      When carol hangs up
      Then alice's phone does not ring
      And alice is in no call
      And the call has ended for everybody within 5 seconds

    # A refusal that is lost between the two kinds of phone.
    Scenario: A webphone rejects a call
      Given every agent's phone registers
      And carol calls alice
      When alice rejects the call
      Then carol's call was refused with 486
      And the call has ended for everybody within 5 seconds

    # Defect 28 (JsSIP#836): CANCEL and 200 cross.
    Scenario Outline: Giving up and answering meet, <later> later
      Given every agent's phone registers
      And carol calls alice
      When alice answers and carol hangs up <later> later
      Then the call has ended for everybody within 5 seconds

      Examples:
        | later  |
        | 1 ms   |
        | 20 ms  |
        | 300 ms |

  Rule: A webphone holds, hands on and presses keys

    # Defect 57 (rtpengine#765): audio stops after a re-INVITE; the answer to a hold begins another DTLS handshake.
    Scenario: A call is put on hold and taken off, by either
      Given every agent's phone registers
      And alice calls carol
      And carol answers
      When alice puts the call on hold
      Then carol hears nobody
      And alice hears nobody
      When alice takes the call off hold
      Then alice and carol hear each other within 3 seconds
      When carol puts the call on hold
      Then alice hears nobody
      When carol takes the call off hold
      Then alice and carol hear each other within 3 seconds

    # Defect 51 (siphon-sip#220): the BYE of who hands on the call ends it for the others.
    Scenario: A webphone hands a customer on
      Given every agent's phone registers
      And alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to carol
      And carol answers
      Then carol and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds

    # The new leg is a browser's: its offer comes in the middle of somebody else's call.
    Scenario: A customer is handed to a webphone after a consultation
      Given every agent's phone registers
      And carol calls "15551230001"
      And 5 seconds pass
      When carol consults alice and completes the transfer
      Then alice and the customer hear each other within 3 seconds
      And carol is in no call within 5 seconds
      When alice hangs up
      Then the call has ended for everybody within 5 seconds

    # Two browsers and a hardphone between them: each leg is another's business.
    Scenario: A webphone hands a customer to another webphone
      Given every agent's phone registers
      And alice calls "15551230001"
      And 5 seconds pass
      When alice transfers the call to bob
      And bob answers
      Then bob and the customer hear each other within 3 seconds
      And alice is in no call within 5 seconds

    # Defect 61 (rtpengine#1929, livekit/sip#585): digits that come twice or not at all, once they were encrypted.
    Scenario: Digits get through, both ways
      Given every agent's phone registers
      And alice calls carol
      And carol answers
      When alice sends the digits "1234"
      Then carol received the digits "1234" within 2 seconds
      When carol sends the digits "98#"
      Then alice received the digits "98#" within 2 seconds

  Rule: One account may be open in two places

    # Defect 4 (ringcentral-embeddable#446): contacts pile up; or the second tab takes the first one's away.
    Scenario: A second tab is a second contact
      Given every agent's phone registers
      When alice opens a second tab
      Then the server has 2 contacts for alice within 5 seconds
      And alice's second phone is registered
      And a call to alice rings only phones that are alive
      When alice closes the second tab
      Then the server has 1 contact for alice within 5 seconds
      And alice's phone is registered
      And a call to alice rings only phones that are alive

    # Defect 30 (kamailio#570): both answer, or the other one rings on.
    Scenario: What is answered in one tab rings in the other no more
      Given every agent's phone registers
      And alice opens a second tab
      When carol calls alice
      Then alice's phone rings within 3 seconds
      And alice's second phone rings within 3 seconds
      When alice answers on her second phone
      Then alice's phone does not ring within 2 seconds
      And alice and carol hear each other within 3 seconds

    # A fork to a hardphone by datagrams and to a page by its connection.
    Scenario: A desk phone and a webphone of one account ring together
      Given carol has a second webphone
      And every agent's phone registers
      And carol's second phone registers
      When alice calls carol
      And carol answers on her second phone
      Then alice and carol hear each other within 3 seconds
      And carol's phone does not ring within 2 seconds
