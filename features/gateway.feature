Feature: Gateway
  Between a browser and the world of telephones stands the gateway: it translates the media, and must forget nobody.

  The comment before each scenario names the defect that would turn it red, with the place where it was seen in the wild.

  Background:
    Given agents alice and bob with webphones
    And agents carol and dave with hardphones
    And every agent's phone registers

  Rule: To the telephone network

    # An answer that names a codec which the other side never offered.
    Scenario Outline: The carrier speaks only "<codec>"
      Given the carrier speaks only "<codec>"
      When alice calls "15551230001"
      Then alice and the customer hear each other within 5 seconds

      Examples:
        | codec |
        | PCMU  |
        | PCMA  |

    # A refusal that becomes a call without audio.
    Scenario Outline: The customer <does>
      Given the customer at "15551230001" <does>
      When alice calls "15551230001"
      Then alice's call was refused with <status> within 10 seconds
      And the call has ended for everybody within 5 seconds

      Examples:
        | does             | status |
        | is busy          | 486    |
        | is disconnected  | 404    |
        | rejects the call | 603    |

    # A gateway leg that stays behind when the caller gives up before the answer.
    Scenario: The agent gives up before the customer answers
      Given the customer at "15551230001" never answers
      And alice calls "15551230001"
      And 5 seconds pass
      When alice hangs up
      Then the call has ended for everybody within 5 seconds

    # Defect 61 (livekit/sip#585): digits are dropped where two worlds of audio meet, the more so when packets are lost.
    Scenario: Digits reach the customer through a bad network
      Given the network between alice and the server loses 10% of packets
      And alice calls "15551230001"
      And 5 seconds pass
      When alice sends the digits "4711#"
      Then the customer received the digits "4711#" within 3 seconds

    # Records that forget what began in a browser.
    Scenario: Each call is in the books once
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice hangs up
      Then the server recorded 1 answered call within 5 seconds

  Rule: Between phones

    # Defect 52 (siphon-sip#295): the consultation is left behind as a call of its own.
    Scenario: A webphone consults a hardphone and connects it with a webphone
      Given bob calls alice
      And alice answers
      And 2 seconds pass
      When alice consults carol and completes the transfer
      Then bob and carol hear each other within 3 seconds
      And alice is in no call within 5 seconds
      When carol hangs up
      Then the call has ended for everybody within 5 seconds

    # A webphone that has room for one call only, or mixes up two.
    Scenario: A consultation is taken back
      Given alice calls "15551230001"
      And 5 seconds pass
      When alice consults carol
      And carol answers
      Then alice and carol hear each other within 3 seconds
      And the customer hears nobody
      When alice takes the customer back
      Then alice and the customer hear each other within 3 seconds
      And carol is in no call within 5 seconds

    # Keys, ports and rooms that two calls share.
    Scenario: Two calls at once are two calls
      When alice calls carol
      And carol answers
      And bob calls dave
      And dave answers
      Then alice and carol hear each other within 3 seconds
      And bob and dave hear each other within 3 seconds

    # Both press the same button: offers cross, and one of them is WebRTC (491, RFC 3261 14.1).
    Scenario: Both put the call on hold at the same moment
      Given alice calls carol
      And carol answers
      And 2 seconds pass
      When alice and carol put the call on hold at the same moment
      And 5 seconds pass
      And alice and carol take the call off hold at the same moment
      Then alice and carol hear each other within 10 seconds

  Rule: Nothing is left behind

    # Defect 26 (drachtio-server#53): what the gateway held for its browsers is gone, and nobody tells them.
    Scenario: The server crashes in a call
      Given alice calls carol
      And carol answers
      And 2 seconds pass
      When the server crashes
      Then alice is in no call within 1 minute
      When the server restarts
      And carol hangs up
      Then alice's phone is registered within 2 minutes
      And the call has ended for everybody within 1 minute
      When carol calls alice
      And alice answers
      Then alice and carol hear each other within 3 seconds

    # Defect 20 (freeswitch#1558): the connection dies between 180 and 200: no ACK, and the call is cut at 32 seconds.
    Scenario: The browser is gone when the call is answered
      Given alice calls carol
      And carol's phone rings
      When alice's browser is killed
      And 10 seconds pass
      Then the call has ended for everybody

    # Defect 45's cousin: a long day of short calls, and a port or a peer lost with each.
    Scenario: Many calls one after the other
      Given alice calls carol
      And carol answers
      And alice hangs up
      And carol calls alice
      And alice answers
      And carol hangs up
      And alice calls bob
      And bob answers
      And bob hangs up
      When alice calls carol
      And carol answers
      Then alice and carol hear each other within 3 seconds
