"""Which tables hold accounts? People, how they like it, their plans, where they are logged in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from datadir.postgresql.tables.columns import flag, identity, moment, now, number, only, reference, word


class User(SQLModel, table=True):
    """A person with an account, or a program that acts as one (role service)."""

    __tablename__ = "users"
    __table_args__ = (Index("idx_users_email", "email"), Index("idx_users_role", "role"))
    id: UUID = identity()
    email: str = Field(max_length=255, unique=True)
    password_hash: str = Field(max_length=255)
    name: str | None = Field(default=None, max_length=100)
    role: str = word("student")
    # An https address, or the key of an object that was uploaded.
    avatar_url: str | None = Field(default=None, max_length=500)
    last_login: datetime | None = moment()
    is_active: bool = flag(True)
    created_at: datetime = now()
    updated_at: datetime = now()


class Profile(SQLModel, table=True):
    """A person's full name (seed 002). The seed's `preferences` are `user_preferences`, where seed 001 has them."""

    __tablename__ = "profiles"
    id: UUID = identity()
    user_id: UUID = Field(default=None, unique=True, foreign_key="users.id", ondelete="CASCADE")
    first_name: str | None = Field(default=None, max_length=100)
    last_name: str | None = Field(default=None, max_length=100)
    created_at: datetime = now()
    updated_at: datetime = now()


class UserPreferences(SQLModel, table=True):
    """How somebody likes it; no row: the defaults."""

    __tablename__ = "user_preferences"
    user_id: UUID = only("users.id")
    theme: str = word("light")
    language: str = word("en", 10)
    notification_email: bool = flag(True)
    notification_push: bool = flag(True)
    difficulty_preference: int = number(3)
    created_at: datetime = now()
    updated_at: datetime = now()


class Subscription(SQLModel, table=True):
    """Somebody's plan (seed 002 names it and gives no columns); no row: the free one."""

    __tablename__ = "subscriptions"
    id: UUID = identity()
    user_id: UUID = Field(default=None, unique=True, foreign_key="users.id", ondelete="CASCADE")
    plan: str = word("free")
    status: str = word("active")
    started_at: datetime = now()
    renews_at: datetime | None = moment()
    created_at: datetime = now()
    updated_at: datetime = now()


class UserSession(SQLModel, table=True):
    """Where somebody is logged in (seed 004 names it and gives no columns). It outlives the session in Redis:
    `refresh_token_hash` is the SHA-256, in hexadecimal, of the one token that may bring that back."""

    __tablename__ = "user_sessions"
    __table_args__ = (Index("idx_user_sessions_user", "user_id"),)
    id: UUID = identity()
    user_id: UUID = reference("users.id", cascade=True)
    refresh_token_hash: str = Field(max_length=64, unique=True)
    remember_me: bool = flag(False)
    user_agent: str | None = Field(default=None, max_length=500)
    last_activity: datetime = now()
    expires_at: datetime = moment(nullable=False)
    revoked_at: datetime | None = moment()
    created_at: datetime = now()
    updated_at: datetime = now()
