package recorder

// The units of what is written.
const (
	Kilograms = "kg"
	Percent   = "%"
	BPM       = "bpm"
)

// perKilogram is how much of a unit of mass a kilogram is; 0 if it is none that Home
// Assistant has.
func perKilogram(unit string) float64 {
	const pound, stone, ounce = 0.45359237, 14 * 0.45359237, 0.45359237 / 16 // kg, exactly
	switch unit {
	case Kilograms:
		return 1
	case "g":
		return 1e3
	case "mg":
		return 1e6
	case "µg", "μg": // micro sign, and Greek letter since 2025
		return 1e9
	case "lb":
		return 1 / pound
	case "oz":
		return 1 / ounce
	case "st":
		return 1 / stone
	}
	return 0
}

// factor converts what is in one unit to another; false if it cannot be.
func factor(from, to string) (float64, bool) {
	if from == to {
		return 1, true
	}
	a, b := perKilogram(from), perKilogram(to)
	if a == 0 || b == 0 {
		return 0, false
	}
	return b / a, true
}

// classOf is what Home Assistant counts a unit to; empty if to none.
func classOf(unit string) string {
	switch {
	case perKilogram(unit) != 0:
		return mass
	case unit == Percent:
		return "unitless"
	}
	return ""
}

const mass = "mass"
