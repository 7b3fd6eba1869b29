"""The arithmetic that audits and evaluations share: intervals over dialogues, and strengths of strategies."""
