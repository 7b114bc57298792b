// Package fitbit holds the words of this project: what a weigh-in and a day of
// heart rate are, what it means to fetch them, and what can go wrong.
//
// It knows nobody. Clouds implement [Source] and [Authorizer]; stores, bridges
// and commands speak in these types. Three rules hold everywhere:
//
//   - Masses are kilograms, fractions are percent, heart rates are beats per
//     minute, variability is milliseconds (RMSSD), time in a zone is minutes.
//   - A time keeps the person's own UTC offset at that moment. A day is a
//     [Date] of the person's calendar, never of the machine's.
//   - What is not known is absent (nil, [ErrNoData]), never zero.
package fitbit
