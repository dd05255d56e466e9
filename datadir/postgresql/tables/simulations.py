"""Which tables hold simulations? Personas, scenarios, runs and their every turn (seed 003)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import identity, long_text, moment, now, reference, word


class Npc(SQLModel, table=True):
    """A persona to talk with."""

    __tablename__ = "npcs"
    id: UUID = identity()
    name: str = Field(max_length=200)
    role_title: str = Field(max_length=200)
    system_prompt_template: str = long_text(nullable=False)
    traits: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    created_at: datetime = now()
    updated_at: datetime = now()


class Scenario(SQLModel, table=True):
    """A situation with a persona."""

    __tablename__ = "scenarios"
    __table_args__ = (Index("idx_scenarios_npc", "npc_id"),)
    id: UUID = identity()
    title: str = Field(max_length=200)
    description: str | None = long_text()
    difficulty_level: int
    npc_id: UUID = reference("npcs.id")
    created_at: datetime = now()
    updated_at: datetime = now()


class Simulation(SQLModel, table=True):
    """One learner's run of a scenario."""

    __tablename__ = "simulations"
    __table_args__ = (
        CheckConstraint("status in ('active', 'completed', 'archived')", name="simulations_status"),
        Index("idx_simulations_user", "user_id", "started_at", "id"),
        Index("idx_simulations_scenario", "scenario_id"),
    )
    id: UUID = identity()
    user_id: UUID = reference("users.id")
    scenario_id: UUID = reference("scenarios.id")
    status: str = word("active")
    learning_outcome_score: float | None = Field(default=None)
    started_at: datetime = now()
    ended_at: datetime | None = moment()
    created_at: datetime = now()
    updated_at: datetime = now()


class SimulationLog(SQLModel, table=True):
    """What was said in one turn."""

    __tablename__ = "simulation_logs"
    __table_args__ = (
        CheckConstraint("speaker in ('user', 'npc', 'system')", name="simulation_logs_speaker"),
        Index("idx_simulation_logs_simulation", "simulation_id", "turn_number", "created_at", "id"),
    )
    id: UUID = identity()
    simulation_id: UUID = reference("simulations.id", cascade=True)
    turn_number: int
    speaker: str = Field(max_length=20)
    content: str = long_text(nullable=False)
    extra: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    created_at: datetime = now()
    updated_at: datetime = now()
