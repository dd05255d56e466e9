-- Personas, scenarios and their runs (seed 003; its enums are words with a check). Revision 0002 runs this file.

create table npcs (
    id uuid default gen_random_uuid() not null,
    name varchar(200) not null,
    role_title varchar(200) not null,
    system_prompt_template text not null,
    traits jsonb default '{}' not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id)
);

create table scenarios (
    id uuid default gen_random_uuid() not null,
    title varchar(200) not null,
    description text,
    difficulty_level integer not null,
    npc_id uuid not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(npc_id) references npcs (id)
);

create index idx_scenarios_npc on scenarios (npc_id);

create table simulations (
    id uuid default gen_random_uuid() not null,
    user_id uuid not null,
    scenario_id uuid not null,
    status varchar(20) default 'active' not null,
    learning_outcome_score double precision,
    started_at timestamptz default now() not null,
    ended_at timestamptz,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    constraint simulations_status check (status in ('active', 'completed', 'archived')),
    foreign key(user_id) references users (id),
    foreign key(scenario_id) references scenarios (id)
);

create index idx_simulations_scenario on simulations (scenario_id);

create index idx_simulations_user on simulations (user_id, started_at, id);

create table simulation_logs (
    id uuid default gen_random_uuid() not null,
    simulation_id uuid not null,
    turn_number integer not null,
    speaker varchar(20) not null,
    content text not null,
    metadata jsonb default '{}' not null,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    constraint simulation_logs_speaker check (speaker in ('user', 'npc', 'system')),
    foreign key(simulation_id) references simulations (id) on delete cascade
);

create index idx_simulation_logs_simulation on simulation_logs (simulation_id, turn_number, created_at, id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
-- An update's row has to pass before and after.
alter table npcs enable row level security;

alter table npcs force row level security;

create policy npcs_read on npcs for select using ((select app_sees_all()) or (select app_user_id()) is not null);

create policy npcs_insert on npcs for insert with check ((select app_sees_all()) or (select app_role()) = 'service');

create policy npcs_update on npcs for update using ((select app_sees_all()) or (select app_role()) = 'service');

create policy npcs_delete on npcs for delete using ((select app_sees_all()) or (select app_role()) = 'service');

grant select, insert, update, delete on npcs to studygraph_app;

alter table scenarios enable row level security;

alter table scenarios force row level security;

create policy scenarios_read on scenarios for select using (
    (select app_sees_all()) or (select app_user_id()) is not null
);

create policy scenarios_insert on scenarios for insert with check (
    (select app_sees_all()) or (select app_role()) = 'service'
);

create policy scenarios_update on scenarios for update using (
    (select app_sees_all()) or (select app_role()) = 'service'
);

create policy scenarios_delete on scenarios for delete using (
    (select app_sees_all()) or (select app_role()) = 'service'
);

grant select, insert, update, delete on scenarios to studygraph_app;

alter table simulations enable row level security;

alter table simulations force row level security;

-- A service completes the run, and so has to find it; what was said there is not for it.
create policy simulations_read on simulations for select using (
    (select app_sees_all()) or user_id = (select app_user_id()) or (select app_role()) = 'service'
);

create policy simulations_insert on simulations for insert with check (
    (select app_sees_all()) or user_id = (select app_user_id())
);

create policy simulations_update on simulations for update using (
    (select app_sees_all()) or user_id = (select app_user_id()) or (select app_role()) = 'service'
);

create policy simulations_delete on simulations for delete using ((select app_sees_all()));

grant select, insert, update, delete on simulations to studygraph_app;

alter table simulation_logs enable row level security;

alter table simulation_logs force row level security;

create policy simulation_logs_read on simulation_logs for select using (
    (select app_sees_all())
    or exists (
        select from simulations s where s.id = simulation_logs.simulation_id and s.user_id = (select app_user_id())
    )
);

create policy simulation_logs_insert on simulation_logs for insert with check (
    (select app_sees_all())
    or ((select app_role()) = 'service' and speaker <> 'user')
    or (
        speaker = 'user'
        and exists (
            select from simulations s where s.id = simulation_logs.simulation_id and s.user_id = (select app_user_id())
        )
    )
);

create policy simulation_logs_update on simulation_logs for update using ((select app_sees_all()));

create policy simulation_logs_delete on simulation_logs for delete using ((select app_sees_all()));

grant select, insert, update, delete on simulation_logs to studygraph_app;
