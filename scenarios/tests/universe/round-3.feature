Feature: Round 3
  Every phrase of browsers and of WebRTC, performed as the contract writes it.

  Scenario: Webphones of one and of many
    Given agent alice with a webphone
    And agents bob and carol with webphones
    And 3 agents with webphones
    When every agent's phone registers
    Then every agent's phone is registered within 5 seconds
    And alice's webphone is connected to the server

  Scenario: A call from webphone to hardphone
    Given agent alice with a webphone
    And agent bob with a hardphone
    And every agent's phone registers
    When alice calls bob
    And bob answers
    Then alice and bob hear each other within 3 seconds
    And media between alice and the server is encrypted
    And alice's media is direct
    And alice's media uses a "host" candidate

  Scenario: Only relays
    Given agent alice with a webphone
    And agent bob with a hardphone
    And only TURN relays reach alice
    And every agent's phone registers
    When alice calls bob
    And bob answers
    Then alice's media goes through the TURN relay within 10 seconds

  Scenario: No datagrams, and a wrong password
    Given agents alice and bob with webphones
    And alice's network blocks UDP
    And bob's TURN password is wrong
    And every agent's phone registers
    When alice calls bob
    And bob answers
    Then alice's media goes through the TURN relay within 15 seconds

  Scenario: No way at all
    Given agents alice and bob with webphones
    And there is no TURN server
    And alice works behind a symmetric NAT
    And bob works behind a symmetric NAT
    When alice opens a data channel to bob
    Then alice and bob exchange no messages over a data channel within 10 seconds

  Scenario: Messages
    Given agents alice and bob with webphones
    When alice opens a data channel to bob
    Then alice and bob exchange messages over a data channel

  Scenario Outline: A tab that ends: <deed>
    Given agent alice with a webphone
    And alice's phone registers
    When <deed>
    Then alice's phone is not registered within 2 seconds
    And alice's webphone is not connected to the server within 2 seconds
    When alice opens the tab again
    Then alice's phone is registered within 5 seconds

    Examples:
      | deed                                        |
      | alice closes the tab                        |
      | alice navigates away                        |
      | alice's tab crashes                         |
      | alice's browser is killed                   |
      | all of alice's browser processes are killed |

  Scenario: A reload
    Given agent alice with a webphone
    And alice's phone registers
    When alice reloads the tab
    Then alice's phone is registered within 2 seconds

  Scenario: A goodbye, to a server that keeps what is lost
    Given agent alice with a webphone
    And agent bob with a hardphone
    And the server keeps contacts of lost connections until they expire
    And alice's webphone says goodbye when its tab is closed
    And every agent's phone registers
    And bob calls alice
    And alice answers
    When alice closes the tab
    Then bob is in no call within 2 seconds

  Scenario: A second tab
    Given agent alice with a webphone
    And alice's phone registers
    When alice opens a second tab
    Then the server has 2 contacts for alice within 5 seconds

  Scenario: The background
    Given agent alice with a webphone
    And alice's phone registers
    When alice's tab is in the background for 10 minutes
    Then alice's phone is registered
    When alice's tab is in the background
    And alice comes back to the tab
    Then alice's phone is registered

  Scenario: The lid
    Given agent alice with a webphone
    And alice's phone registers
    When alice's laptop sleeps for 2 minutes
    Then alice's phone is registered within 1 minute
    When alice's laptop sleeps
    Then alice's phone is not registered
    When alice's laptop wakes
    Then alice's phone is registered within 1 minute

  Scenario: Other networks
    Given agent alice with a webphone
    And alice's phone registers
    When alice changes network
    Then alice's phone is registered within 1 minute
    When alice changes network to "4G"
    Then alice's phone is registered within 1 minute

  Scenario: The microphone
    Given agent alice with a webphone
    And agent bob with a hardphone
    And every agent's phone registers
    And alice denies the microphone
    When alice calls bob
    Then bob's phone does not ring within 2 seconds
    When alice allows the microphone
    And alice calls bob
    And bob answers
    Then alice and bob hear each other within 3 seconds
    When alice's microphone is unplugged
    Then bob hears nobody within 2 seconds
    When alice's microphone is plugged in again
    Then alice and bob hear each other within 5 seconds
