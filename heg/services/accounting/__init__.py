"""Accounting: what the house cost, beside the same house without a battery and one whose battery follows the rule."""
