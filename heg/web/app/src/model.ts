// The messages of /api/v1, as docs/integrators/api.md gives them. Power in kW, shares 0 to 1, ages in house seconds.

export type Quality = "good" | "stale" | "bad";

export interface Figure {
  value: number | null;
  quality: Quality | null;
  age_s: number | null;
}

export interface HouseTime {
  utc: string;
  zone: string;
  mode: string;
  speed: number | null;
}

export interface Power {
  house_kw: Figure;
  pv_kw: Figure | null;
  battery_kw: Figure | null;
  grid_kw: Figure;
}

export interface Storage {
  device: string;
  soc: Figure;
  capacity_kwh: number | null;
}

export interface Actuator {
  device: string;
  held: boolean;
  owner: string;
  regime: string;
  native: boolean;
  set_kw: number | null;
  read_back_kw: number | null;
  measured_kw: Figure;
  state: "settling" | "confirmed" | "overridden" | "ignored";
  reason: string;
  reason_text: string;
  expires_in_s: number;
  writes_today: number;
  writes_left: number | null;
}

export interface Device {
  name: string;
  roles: string[];
  maker: string;
  model: string;
  serial: string;
  version: string;
  protocol: string;
  address: string;
  status: "attached" | "lost" | "removed";
  quality: Quality | null;
  age_s: number | null;
  actuator: boolean;
  detail: string;
}

export interface Reading {
  variable: string;
  part: string;
  value: number | string | boolean | null;
  unit: string;
  kind: string;
  quality: Quality;
  age_s: number;
}

export interface DeviceReadings {
  device: Device;
  readings: Reading[];
}

export interface Alarm {
  place: string;
  id: string;
  severity: "info" | "warning" | "alarm";
  text: string;
  mend: string;
  since_utc: string;
}

export interface Envelope {
  min_kw: number | null;
  max_kw: number | null;
  max_a_per_phase: number | null;
  min_source: string | null;
  max_source: string | null;
  limits: { source: string; min_kw: number | null; max_kw: number | null; max_a_per_phase: number | null; text: string }[];
}

export interface Lack {
  code: string;
  text: string;
  mend: string;
}

export interface Decision {
  regime: string;
  power_kw: number;
  regime_kw: number;
  ends_at_soc: number | null;
  reason: string;
  text: string;
  price_now: number | null;
  price_later: number | null;
  later_utc: string | null;
  worth: number | null;
  binding: string;
  binding_worth: number;
  next: { at_utc: string; regime: string; power_kw: number } | null;
}

export interface PlanNow {
  revision: number;
  status: "optimal" | "feasible" | "degraded" | "fallback";
  age_s: number;
  slot_minutes: number;
  ends_utc: string;
  storage: Decision | null;
  vehicle: Decision | null;
  prices: { import_now: number; export_now: number; low: number; low_utc: string; high: number; high_utc: string };
  expected: { hours: number; demand_kwh: number; production_kwh: number };
  lacks: Lack[];
}

export interface Vehicle {
  charger: string;
  known: boolean;
  plugged: boolean;
  power_kw: Figure;
  soc: number | null;
  soc_uncertainty: number;
  capacity_kwh: number | null;
  charged_kwh: number;
  departure_utc: string;
  target_soc: number | null;
  stated: boolean;
}

export interface SavedEur {
  eur: number;
  energy_eur: number;
  co2_eur: number;
  stored_eur: number;
}

export interface HouseCost {
  import_kwh: number;
  export_kwh: number;
  energy_eur: number;
  co2_eur: number;
  peak_import_kw: number;
  stored_kwh: number | null;
}

export interface Savings {
  start_utc: string;
  minutes: number;
  actual: HouseCost;
  no_battery: HouseCost;
  rule: HouseCost;
  saved_no_battery: SavedEur;
  saved_rule: SavedEur;
  self_consumption: number | null;
  cycles: number;
  priced_share: number;
  metered_share: number;
  integrated: string[];
}

export interface State {
  unit: string;
  version: string;
  time: HouseTime;
  looking: boolean;
  hands_off: boolean;
  power: Power;
  storages: Storage[];
  actuators: Actuator[];
  devices: Device[];
  alarms: Alarm[];
  envelope: Envelope | null;
  healthy: boolean;
  unwell: string[];
  planning: boolean;
  plan: PlanNow | null;
  vehicles: Vehicle[];
  savings: { today: Savings; this_month: Savings } | null;
  appliances: AppliancesAtAGlance | null;
}

/** There may be hundreds: here they are counted; `changed` grows when /api/v1/appliances may be different. */
export interface AppliancesAtAGlance {
  count: number;
  on: number;
  standby: number;
  off: number;
  lost: number;
  in_hand: number;
  changed: number;
}

export type Column = (number | null)[];

export interface EnergyHistory {
  start_utc: string;
  step_s: number;
  house_kw: Column;
  pv_kw: Column;
  battery_kw: Column;
  grid_kw: Column;
  soc: Column;
}

export interface PlannedStorage {
  power_kw: number[];
  regime: string[];
  reason: string[];
  text: string[];
  worth_eur_per_kwh: number[];
  soc: number[];
}

export interface PlanWhole {
  revision: number;
  status: string;
  age_s: number;
  start_utc: string;
  step_s: number;
  solve_ms: number;
  demand_kw: number[];
  demand_low_kw: number[];
  demand_high_kw: number[];
  production_kw: number[];
  production_low_kw: number[];
  production_high_kw: number[];
  grid_kw: number[];
  import_eur_per_kwh: number[];
  export_eur_per_kwh: number[];
  co2_eur_per_kwh: number[];
  storage: PlannedStorage | null;
  vehicle: PlannedStorage | null;
  cost: { total_eur: number };
  lacks: Lack[];
}

export type Words = (string | null)[];

export interface PlanPast {
  start_utc: string;
  step_s: number;
  done: { demand_kw: Column; production_kw: Column; battery_kw: Column; vehicle_kw: Column; grid_kw: Column; soc: Column };
  planned: {
    demand_kw: Column;
    production_kw: Column;
    battery_kw: Column;
    vehicle_kw: Column;
    grid_kw: Column;
    soc: Column;
    import_eur_per_kwh: Column;
    export_eur_per_kwh: Column;
    co2_eur_per_kwh: Column;
    regime: Words;
    status: Words;
    reason: Words;
    text: Words;
    lacks: string[][];
  };
}

export interface Energy {
  kwh: number;
  low_kwh: number;
  high_kwh: number;
}

export interface DayAhead {
  start_utc: string;
  hours: number;
  demand: Energy;
  production: Energy | null;
}

export interface WeekAhead {
  revision: number;
  age_s: number;
  known_days: number;
  enough: boolean;
  days: DayAhead[];
  lacks: Lack[];
}

export interface WeekState {
  planning: boolean;
  week: WeekAhead | null;
}

export interface Answer {
  outcome: "done" | "refused" | "partly";
  text: string;
  refusal: string | null;
  detail?: { alternatives?: Alternative[] } | null;
}

/** What a storage could have done in the running slot instead, and what the horizon would then have cost more. */
export interface Alternative {
  storage: "ess" | "pev";
  kind: "nothing" | "charge" | "discharge" | "follow";
  power_kw: number;
  more_eur: number | null;
  text: string;
}
