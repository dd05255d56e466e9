"""Which tables are there? One class for each, the one definition; migrations are checked against it, writes are built
from it.

Names and columns are the seeds', corrected by the rules of seed 003: UUID keys, `TIMESTAMPTZ`, `created_at` and
`updated_at` everywhere. Where a seed names a table and no columns, they are what the operations ask for. A column that
had to be called otherwise in Python says so: `extra` is the column `metadata`, a word that SQLAlchemy keeps for itself.

What is only somebody's own (preferences, notes, talks) goes with the account; what they achieved (submissions,
progress, enrolments, simulations, evaluations) stands in the way of deleting one, so that none of it is ever lost in
passing: erasing a person takes it first, and says so.

Row policies stand in the migrations, since SQLAlchemy has no words for them.
"""

from sqlmodel import SQLModel

from datadir.postgresql.tables.accounts import Profile, Subscription, User, UserPreferences, UserSession
from datadir.postgresql.tables.assessments import Assessment, AssessmentQuestion, Submission
from datadir.postgresql.tables.audit import AuditLog
from datadir.postgresql.tables.classrooms import Classroom, ClassroomMember
from datadir.postgresql.tables.courses import Course, CourseAnalytics, Enrollment, Lesson, UserProgress
from datadir.postgresql.tables.events import LearnerKey, Outbox
from datadir.postgresql.tables.idempotency import IdempotencyKey
from datadir.postgresql.tables.jobs import Job
from datadir.postgresql.tables.library import Document, Note
from datadir.postgresql.tables.meetings import Meeting, Recording
from datadir.postgresql.tables.progress import Progress, Score, StudyItem, Topic
from datadir.postgresql.tables.simulations import Npc, Scenario, Simulation, SimulationLog
from datadir.postgresql.tables.softskills import SoftSkillEvaluation
from datadir.postgresql.tables.tutor import SessionIntelligence, TutorMessage, TutorSession

metadata = SQLModel.metadata

__all__ = [
    "Assessment",
    "AssessmentQuestion",
    "AuditLog",
    "Classroom",
    "ClassroomMember",
    "Course",
    "CourseAnalytics",
    "Document",
    "Enrollment",
    "IdempotencyKey",
    "Job",
    "LearnerKey",
    "Lesson",
    "Meeting",
    "Note",
    "Npc",
    "Outbox",
    "Profile",
    "Progress",
    "Recording",
    "Scenario",
    "Score",
    "SessionIntelligence",
    "Simulation",
    "SimulationLog",
    "SoftSkillEvaluation",
    "StudyItem",
    "Submission",
    "Subscription",
    "Topic",
    "TutorMessage",
    "TutorSession",
    "User",
    "UserPreferences",
    "UserProgress",
    "UserSession",
    "metadata",
]
