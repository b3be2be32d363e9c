/// Ascending numbers as `0..3, 8`; at most a few ranges.
func rangesText(_ numbers: [Int]) -> String { Catalogue.rangesText(numbers) }
