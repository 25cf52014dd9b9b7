# The steps `greets` and `is greeted` stand in src/steps.rs.
Feature: Steps of our own

  Scenario: A slow network delays a greeting and loses nothing
    Given machines door and guest
    And door greets whoever connects
    And the network between door and guest has 200 ms latency
    Then guest is greeted by door within 2 seconds
