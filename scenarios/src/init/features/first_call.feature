# A scenario is a story of a contact center. Run this folder's with:   busyhour run
# Each phrase is one that busyhour knows:                              busyhour steps
# A typo is found before anything runs:                                busyhour check
Feature: First call
  The words below the title are for people; nothing runs them.

  # What stands in a background is done before each scenario of the file.
  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  # `Given` arranges, `When` acts, `Then` checks. Whoever acts waits as a person would; a check with `within` looks until it's
  # so. Time is simulated: 32 seconds take a moment.
  Scenario: Two agents talk
    When alice calls bob
    And bob answers
    Then alice and bob hear each other within 3 seconds
    When bob hangs up
    Then the call has ended for everybody within 32 seconds

  # An outline is a scenario for each row of its examples.
  Scenario Outline: A call over <network> is heard
    Given bob is on "<network>"
    When alice calls bob
    And bob answers
    Then alice and bob hear each other within 5 seconds

    # The last one is ours: features/networks/warehouse.toml.
    Examples:
      | network    |
      | hotel wifi |
      | 4G         |
      | warehouse  |

  # A tag chooses:   busyhour run --tags '@faults'
  # A fault that strikes nobody would prove nothing, so it fails the scenario, and says so.
  @faults
  Scenario: A call survives a network that is gone for five seconds
    When alice calls bob
    And bob answers
    And the network between bob and the server is cut
    And 5 seconds pass
    And the network between bob and the server heals
    Then alice and bob hear each other within 5 seconds
